import { constants, promises as fs } from 'node:fs'
import { delimiter, dirname, isAbsolute, join } from 'node:path'

/**
 * Finds a program on the PATH. Relative entries are passed over, so that none is run from the current folder, and in a
 * folder everybody may write to only what root or the user put there counts.
 */
export async function findExecutable(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', ''] : ['']
  for (const folder of (env['PATH'] ?? env['Path'] ?? '').split(delimiter)) {
    if (!isAbsolute(folder)) continue
    for (const ending of endings) {
      const path = join(folder, `${name}${ending}`)
      if (await isTrustedProgram(path)) return path
    }
  }
  return undefined
}

/** Whether a file can be run and was put where it is by root or by the user. */
export async function isTrustedProgram(path: string): Promise<boolean> {
  try {
    await fs.access(path, constants.X_OK)
    if (!(await fs.stat(path)).isFile()) return false
    return process.getuid === undefined || (await isPutByTrusted(path, process.getuid()))
  } catch {
    return false
  }
}

/** A link counts as itself, too: what it names may be fine and still not be what was asked for. */
async function isPutByTrusted(path: string, user: number): Promise<boolean> {
  const folder = await fs.stat(dirname(path))
  if ((folder.mode & 0o002) === 0) return true
  const [entry, file] = await Promise.all([fs.lstat(path), fs.stat(path)])
  return [entry, file].every(({ uid }) => uid === 0 || uid === user)
}
