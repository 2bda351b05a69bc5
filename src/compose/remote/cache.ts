import { promises as fs } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { makeFolder, makeNonce, pathExists, sweepOlder } from '../../io/files.ts'

const draftPrefix = '.building-'
/** No filling takes so long. */
const abandonedMs = 3_600_000

/** Where fetched files lie: the folder docker-compose uses, by what names their content. */
export function remoteCacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['XDG_CACHE_HOME'] ?? ''
  const home = env['HOME'] ?? homedir()
  if (given !== '') return join(given, 'docker-compose')
  if (process.platform === 'darwin') return join(home, 'Library', 'Caches', 'docker-compose')
  const local = env['LOCALAPPDATA'] ?? ''
  if (process.platform === 'win32' && local !== '') return join(local, 'docker-compose')
  return join(home, '.cache', 'docker-compose')
}

/**
 * The folder of that name, filled once: what an interrupted filling leaves is never taken for it.
 *
 * @param fill gets an empty folder of its own
 */
export async function fillOnce(cache: string, name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cache, name)
  if (await pathExists(folder)) return folder
  await makeFolder(cache, 0o700, 'XDG_CACHE_HOME names another folder for what is fetched')
  const building = join(cache, `${draftPrefix}${makeNonce()}`)
  try {
    await fs.mkdir(building, { mode: 0o700 })
    await sweepOlder(cache, (entry) => entry.startsWith(draftPrefix), building, abandonedMs)
    await fill(building)
    await fs.rename(building, folder)
  } catch (error) {
    // Somebody else may have been quicker.
    if (!(await pathExists(folder))) throw error
  } finally {
    await fs.rm(building, { recursive: true, force: true })
  }
  return folder
}
