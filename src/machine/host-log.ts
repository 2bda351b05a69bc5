import type { Log } from '../core/log.ts'

/** A driver's lines as docker-machine shows them: `(NAME) line`, for debugging `(NAME) DBG | line`. */
export function hostLog(log: Log, name: string): Log {
  return {
    debug: (message, fields) => log.debug(`(${name}) DBG | ${message}`, fields),
    info: (message, fields) => log.info(`(${name}) ${message}`, fields),
    warn: (message, fields) => log.warn(`(${name}) ${message}`, fields),
    error: (message, fields) => log.error(`(${name}) ${message}`, fields),
  }
}
