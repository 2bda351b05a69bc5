import { toMessage } from '../core/errors.ts'

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
