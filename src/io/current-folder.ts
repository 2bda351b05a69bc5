import { statSync } from 'node:fs'
import { posix } from 'node:path'
import process from 'node:process'
import { codeOf } from './files.ts'

/**
 * The current folder by the name its shell has for it: `PWD`, where that is the folder, else the one without links. A
 * project in a linked folder is named after the link, as by programs written in Go.
 *
 * @param ask absolute, without links
 * @returns undefined where the folder has been deleted, whatever lies at its name by now
 */
export function currentFolder(
  env: Readonly<Record<string, string | undefined>>,
  ask: () => string = () => process.cwd(),
): string | undefined {
  const real = askExisting(ask)
  const pwd = env['PWD'] ?? ''
  if (real === undefined || pwd === real || !posix.isAbsolute(pwd) || !posix.isAbsolute(real)) return real
  // Looked at as it is returned: `link/..` may be another folder once it is shortened.
  const named = posix.resolve(pwd)
  try {
    const [one, other] = [statSync(named, { bigint: true }), statSync(real, { bigint: true })]
    return one.dev === other.dev && one.ino === other.ino ? named : real
  } catch {
    return real
  }
}

function askExisting(ask: () => string): string | undefined {
  try {
    return ask()
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return undefined
  }
}
