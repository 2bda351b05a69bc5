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
 * `cache_from` and `cache_to`: an image name, or fields such as `type=registry,ref=…,mode=max`.
 *
 * @param where named in errors
 * @throws {compose/invalid}
 */
export function parseCacheEntry(text: string, where: string): BuildCache {
  if (!text.includes('=')) return { type: 'registry', attributes: { ref: text } }
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
  return { type, attributes }
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
