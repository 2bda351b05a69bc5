import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError } from '../../core/errors.ts'
import { execProgram } from '../../io/exec.ts'
import { readTextFile } from '../../io/files.ts'
import { findDebianMirror, parseSourceList, parseSourceParagraphs } from './apt-sources.ts'

/**
 * The archive this machine itself is installed from, or `$FLOTILLA_DEBIAN_MIRROR`.
 *
 * @throws {platform/missing}
 */
export async function findMirror(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const own = env['FLOTILLA_DEBIAN_MIRROR']
  if (own !== undefined && own !== '') return own
  const folder = '/etc/apt/sources.list.d'
  const names = await fs.readdir(folder).catch(() => [])
  const sources = [...parseSourceList((await readTextFile('/etc/apt/sources.list')) ?? '')]
  for (const name of names.toSorted((a, b) => (a < b ? -1 : 1))) {
    const text = (await readTextFile(join(folder, name))) ?? ''
    if (name.endsWith('.list')) sources.push(...parseSourceList(text))
    if (name.endsWith('.sources')) sources.push(...parseSourceParagraphs(text))
  }
  const mirror = findDebianMirror(sources)
  if (mirror !== undefined) return mirror
  throw new FlotillaError('platform/missing', 'no Debian archive is set up on this machine', {
    hint: "set FLOTILLA_DEBIAN_MIRROR to the address of one, or use the machine's own engine",
  })
}

/** The proxies of the machine's package manager, as apt options (`Acquire::http::Proxy "..."`). */
export async function readProxyOptions(clock: Clock): Promise<readonly string[]> {
  const dump = await execProgram(['apt-config', 'dump', 'Acquire::http::Proxy', 'Acquire::https::Proxy'], { clock })
  return dump.stdout
    .split('\n')
    .filter((line) => line.includes('"'))
    .map((line) => line.replace(/;$/, ''))
}
