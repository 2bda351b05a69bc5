import { createHash } from 'node:crypto'
import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import { FlotillaError } from '../core/errors.ts'
import { fileReason } from '../core/file-reason.ts'
import { makeFolder, readTextFile, writeFileAtomic } from '../io/files.ts'
import { isPlainEngine, readTls } from './connection.ts'
import type { Host } from './host.ts'

/**
 * Contexts of the docker CLI (docker/cli cli/context/store): `contexts/meta/ID/meta.json` and `contexts/tls/ID/docker/*.pem` below its
 * configuration folder, ID the SHA-256 of the name.
 */
export interface ContextPlace {
  /** `~/.docker`, or `DOCKER_CONFIG`. */
  readonly configFolder: string
}

/** In a context's metadata: the folder of the machine it was made for. Others are not ours to change. */
const ownerField = 'FlotillaMachine'

function foldersOf(place: ContextPlace, name: string): { readonly meta: string; readonly tls: string } {
  const id = createHash('sha256').update(name).digest('hex')
  return {
    meta: join(place.configFolder, 'contexts', 'meta', id),
    tls: join(place.configFolder, 'contexts', 'tls', id),
  }
}

/** Whose a context is. */
export async function findContext(
  place: ContextPlace,
  name: string,
  machinePath: string,
): Promise<'none' | 'ours' | 'foreign'> {
  const text = await readTextFile(join(foldersOf(place, name).meta, 'meta.json'))
  if (text === undefined) return 'none'
  try {
    const meta = JSON.parse(text) as { readonly Metadata?: Readonly<Record<string, unknown>> } | null
    return meta?.Metadata?.[ownerField] === machinePath ? 'ours' : 'foreign'
  } catch {
    return 'foreign'
  }
}

/**
 * Writes or renews the context of a machine, under the machine's name.
 *
 * @throws {machine/exists} when somebody else's context is called so
 */
export async function writeContext(place: ContextPlace, host: Host, machinePath: string, url: string): Promise<void> {
  if (['default', ''].includes(host.name) || (await findContext(place, host.name, machinePath)) === 'foreign') {
    throw new FlotillaError('machine/exists', `docker context "${host.name}" exists and is not this machine's`, {
      hint: 'remove or rename it with "docker context", or use "env"',
    })
  }
  const { meta, tls } = foldersOf(place, host.name)
  const isTls = /^(?:tcp|https):/.test(url) && !(await isPlainEngine(host))
  try {
    if (isTls) {
      const pair = await readTls(host.options.AuthOptions)
      await makeFolder(join(tls, 'docker'), 0o700)
      await writeFileAtomic(join(tls, 'docker', 'ca.pem'), pair.ca, 0o600)
      await writeFileAtomic(join(tls, 'docker', 'key.pem'), pair.key, 0o600)
      await writeFileAtomic(join(tls, 'docker', 'cert.pem'), pair.cert, 0o600)
    }
    await makeFolder(meta, 0o755)
    await writeFileAtomic(join(meta, 'meta.json'), renderMeta(host, machinePath, url), 0o644)
  } catch (error) {
    throw new FlotillaError('io/file', `cannot write docker context "${host.name}": ${fileReason(error)}`, {
      cause: error,
    })
  }
}

function renderMeta(host: Host, machinePath: string, url: string): string {
  return JSON.stringify({
    Name: host.name,
    Metadata: { Description: `Machine ${host.name} (${host.driverName})`, [ownerField]: machinePath },
    Endpoints: { docker: { Host: url, SkipTLSVerify: false } },
  })
}

/**
 * Takes a machine's context away, and the choice of it. One that is not ours stays.
 *
 * @returns false when there was none of ours
 */
export async function removeContext(place: ContextPlace, name: string, machinePath: string): Promise<boolean> {
  if ((await findContext(place, name, machinePath)) !== 'ours') return false
  const { meta, tls } = foldersOf(place, name)
  await chooseContext(place, undefined, name)
  await fs.rm(meta, { recursive: true, force: true })
  await fs.rm(tls, { recursive: true, force: true })
  return true
}

/**
 * Makes a context the docker CLI's current one.
 *
 * @param name absent: none
 * @param onlyFrom change it only when this one is chosen
 */
export async function chooseContext(place: ContextPlace, name: string | undefined, onlyFrom?: string): Promise<void> {
  const named = join(place.configFolder, 'config.json')
  const text = await readTextFile(named)
  if (text === undefined && name === undefined) return
  // Who keeps his settings elsewhere has a link here, which a renamed file would take the place of.
  const path = await fs.realpath(named).catch(() => named)
  let config: Record<string, unknown>
  try {
    config = JSON.parse(text ?? '{}') as Record<string, unknown>
    if (typeof config !== 'object' || config === null || Array.isArray(config)) throw new TypeError('not an object')
  } catch (error) {
    throw new FlotillaError('io/file', `cannot read ${path}: it is no JSON object`, { cause: error })
  }
  if (onlyFrom !== undefined && config['currentContext'] !== onlyFrom) return
  const { currentContext: _old, ...rest } = config
  const mode = text === undefined ? 0o600 : (await fs.stat(path)).mode & 0o777
  const next = name === undefined ? rest : { ...rest, currentContext: name }
  await makeFolder(place.configFolder, 0o700)
  await writeFileAtomic(path, `${JSON.stringify(next, undefined, '\t')}\n`, mode)
}
