import { toMessage } from '../core/errors.ts'

/**
 * What the file system said, in words alone: Node puts its code before them and the call with a path behind, which may be
 * that of a temporary file. For messages that name the file themselves.
 */
export function fileReason(error: unknown): string {
  const message = toMessage(error)
  return /^E[A-Z0-9]+: (.+?), [a-z]+(?: '.*)?$/s.exec(message)?.[1] ?? message
}
