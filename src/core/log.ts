export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'

/** Key-value data that goes with a message. Secrets never enter it. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

/** Where a domain says what it is doing. Formats (legacy text, JSON, plain lines) are chosen by the shell. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

/** A log that says nothing. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
}
