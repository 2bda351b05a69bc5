import { constants, promises as fs } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

/** Finds a program on the PATH; relative entries are passed over, so that none is run from the current folder. */
export async function findExecutable(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', ''] : ['']
  for (const folder of (env['PATH'] ?? env['Path'] ?? '').split(delimiter)) {
    if (!isAbsolute(folder)) continue
    for (const ending of endings) {
      const path = join(folder, `${name}${ending}`)
      try {
        await fs.access(path, constants.X_OK)
        if ((await fs.stat(path)).isFile()) return path
      } catch {
        // Not here.
      }
    }
  }
  return undefined
}
