import * as posix from 'node:path/posix'
import { FlotillaError } from '../../core/errors.ts'

/** Where layers of earlier builds are, or where those of this one go. */
export interface BuildCache {
  readonly type: string
  readonly attributes: Readonly<Record<string, string>>
  /** Of the type `local`: the folder, absolute. */
  readonly folder?: string
}

/**
 * `cache_from` and `cache_to`: names of images, or fields such as `type=registry,ref=…,mode=max`. What is empty, as by a variable
 * that is not set, is no cache.
 *
 * @param where named in errors
 * @throws {compose/invalid}
 */
export function parseCacheEntry(text: string, where: string): readonly BuildCache[] {
  if (!text.includes('=')) return splitFields(text).map((ref) => ({ type: 'registry', attributes: { ref } }))
  let type = ''
  const attributes: Record<string, string> = {}
  for (const field of splitFields(text)) {
    const equals = field.indexOf('=')
    if (equals <= 0) throw new FlotillaError('compose/invalid', `${where}: invalid value ${JSON.stringify(field)}`)
    const name = field.slice(0, equals).trim().toLowerCase()
    const value = field.slice(equals + 1)
    if (name === 'type') type = value
    else attributes[name] = value
  }
  if (type === '') throw new FlotillaError('compose/invalid', `${where}: type is required in ${JSON.stringify(text)}`)
  return [{ type, attributes }]
}

/**
 * Caches as they can be reached: that of GitHub Actions with what a job has in its environment, and not at all elsewhere, where
 * builds go on without it (docker/buildx build/opt.go).
 */
export function reachCaches(
  caches: readonly BuildCache[],
  env: Readonly<Record<string, string | undefined>>,
): readonly BuildCache[] {
  return caches.flatMap((cache) => {
    if (cache.type !== 'gha') return [cache]
    const { attributes } = cache
    const isSecond =
      attributes['version'] === undefined && /^(?:1|t|true)$/i.test(env['ACTIONS_CACHE_SERVICE_V2'] ?? '')
    const results = env['ACTIONS_RESULTS_URL'] ?? ''
    const found = {
      token: env['ACTIONS_RUNTIME_TOKEN'] ?? '',
      url: env['ACTIONS_CACHE_URL'] ?? results,
      url_v2: isSecond || attributes['version'] === '2' ? results : '',
      ...attributes,
    }
    if (found.token === '' || (found.url === '' && found.url_v2 === '')) return []
    const known = Object.entries(found).filter(([name, value]) => name in attributes || value !== '')
    return [{ ...cache, attributes: Object.fromEntries(known) }]
  })
}

/**
 * A cache with the folder that one of its fields names, `src` or `dest`.
 *
 * @param workingDir where relative paths start
 * @throws {compose/invalid} when a local cache names none
 */
export function withFolder(cache: BuildCache, field: 'src' | 'dest', workingDir: string, where: string): BuildCache {
  if (cache.type !== 'local') return cache
  const path = cache.attributes[field] ?? ''
  if (path === '') throw new FlotillaError('compose/invalid', `${where}: a local cache needs ${field}=FOLDER`)
  return { ...cache, folder: toAbsolute(path, workingDir) }
}

/** An entry with each folder of a local cache replaced; any other entry as it is. */
export function mapFolders(text: string, change: (folder: string) => string): string {
  const fields = splitFields(text).map((field) => {
    const equals = field.indexOf('=')
    return [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1)] as const
  })
  if (!text.includes('=') || !fields.some(([name, value]) => name === 'type' && value === 'local')) return text
  return fields
    .map(([name, value]) => `${name}=${name === 'src' || name === 'dest' ? change(value) : value}`)
    .map((field) => (/[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(',')
}

/** A path of a Compose file, which may have a Windows drive. */
export function toAbsolute(path: string, workingDir: string): string {
  return posix.isAbsolute(path) || /^[a-zA-Z]:[\\/]/.test(path) ? path : posix.join(workingDir, path)
}

/** Fields between commas; one in quotes may hold commas. */
function splitFields(text: string): readonly string[] {
  return [...text.matchAll(/"((?:[^"]|"")*)"(?:,|$)|([^,]*)(?:,|$)/g)]
    .map(([whole, quoted, plain]) => (whole === '' ? '' : (quoted?.replaceAll('""', '"') ?? plain ?? '')))
    .filter((field) => field !== '')
}
