import type { ConvergeOptions } from '../../compose/converge.ts'

/** What the flags say about the lock of the project. */
export function readLock(
  flags: { readonly 'lock-timeout'?: number | undefined; readonly 'no-lock'?: boolean },
  command: string,
): Pick<ConvergeOptions, 'lock'> {
  if (flags['no-lock'] === true) return {}
  const seconds = flags['lock-timeout']
  return { lock: { command, ...(seconds !== undefined && { timeoutMs: Math.max(0, seconds) * 1000 }) } }
}
