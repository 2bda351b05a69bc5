import type { Log } from '../core/log.ts'

/**
 * A driver's lines as docker-machine shows them: `(NAME) line`, for debugging `(NAME) DBG | line`. Lines that say the name
 * already, as those of a driver within a command over several machines, are left as they are.
 */
export function hostLog(log: Log, name: string): Log {
  const mark = (message: string, kind = ''): string =>
    message.startsWith(`(${name}) `) ? message : `(${name}) ${kind}${message}`
  return {
    debug: (message, fields) => log.debug(mark(message, 'DBG | '), fields),
    info: (message, fields) => log.info(mark(message), fields),
    warn: (message, fields) => log.warn(mark(message), fields),
    error: (message, fields) => log.error(mark(message), fields),
  }
}
