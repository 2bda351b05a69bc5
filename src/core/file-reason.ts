import { isFlotillaError, toMessage } from './errors.ts'

/**
 * What the file system said, in words alone: Node puts its code before them and the call with a path behind, which may be
 * that of a temporary file. For messages that name the file themselves.
 */
export function fileReason(error: unknown): string {
  const message = toMessage(error)
  const [, code = '', reason] = /^(E[A-Z0-9]+): (.+?), [a-z]+(?: '.*)?$/s.exec(message) ?? []
  return words.get(code) ?? reason ?? message
}

/** Where Node has other words than the system, which users know from all other programs. */
const words: ReadonlyMap<string, string> = new Map([
  ['EISDIR', 'is a directory'],
  ['ELOOP', 'too many levels of symbolic links'],
  ['ENAMETOOLONG', 'file name too long'],
])

/**
 * The message of anything that was thrown; where that is a refusal of the file system that nobody has put into words, the
 * call, its path where it has one, and the reason as other programs say it: `open /app/x: permission denied`.
 */
export function toFileMessage(thrown: unknown): string {
  if (!(thrown instanceof Error) || isFlotillaError(thrown)) return toMessage(thrown)
  const { syscall, path } = thrown as NodeJS.ErrnoException
  const reason = fileReason(thrown)
  // That of a program which cannot be started names the program already, and is none of a file.
  if (syscall === undefined || reason === thrown.message) return toMessage(thrown)
  return `${path === undefined ? syscall : `${syscall} ${path}`}: ${reason}`
}
