import { statSync } from 'node:fs'
import { posix } from 'node:path'

/**
 * The current folder by the name its shell has for it: `PWD`, where that is the folder, else the one without links. A
 * project in a linked folder is named after the link, as by programs written in Go.
 *
 * @param real absolute, without links, as `process.cwd()` says it
 */
export function currentFolder(real: string, env: Readonly<Record<string, string | undefined>>): string {
  const pwd = env['PWD'] ?? ''
  if (!posix.isAbsolute(pwd) || !posix.isAbsolute(real)) return real
  // Looked at as it is returned: `link/..` may be another folder once it is shortened.
  const named = posix.resolve(pwd)
  try {
    const [one, other] = [statSync(named, { bigint: true }), statSync(real, { bigint: true })]
    return one.dev === other.dev && one.ino === other.ino ? named : real
  } catch {
    return real
  }
}
