import type { LogFields, LogLevel } from '../core/log.ts'
import { goQuote } from '../core/goquote.ts'
import { isSecretName, maskSecrets } from '../core/mask.ts'

/** `legacy`: as logrus wrote it. `text`: for people, with milliseconds. `json`: one object a line. */
export type LogFormat = 'legacy' | 'text' | 'json'

export interface LogLine {
  readonly nowMs: number
  readonly level: LogLevel
  readonly message: string
  readonly fields?: LogFields | undefined
}

/** One line of a daemon's log, ending in a newline. Credentials are masked in all formats. */
export function renderLogLine(format: LogFormat, line: LogLine): string {
  const message = maskSecrets(line.message)
  const time = new Date(line.nowMs).toISOString()
  if (format === 'json')
    return `${JSON.stringify({ time, level: toName(line.level), msg: message, ...toPlain(line.fields) })}\n`
  if (format === 'text') {
    return `${time} ${toName(line.level).toUpperCase().padEnd(7)} ${message}${renderFields(line.fields)}\n`
  }
  const seconds = time.replace(/\.\d+Z$/, 'Z')
  return `time="${seconds}" level=${toName(line.level)} msg=${goQuote(message)}${renderFields(line.fields)}\n`
}

/** As logrus writes JSON: keys in alphabetical order, whole seconds. */
export function renderJsonWarning({ nowMs, level, message, fields }: LogLine): string {
  const time = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z')
  return `${JSON.stringify({ ...toPlain(fields), level: toName(level), msg: maskSecrets(message), time })}\n`
}

/** Fields behind a message: ` key=value`, quoted where needed. */
export function renderFields(fields: LogFields | undefined): string {
  let text = ''
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value === undefined) continue
    const plain = maskField(key, String(value))
    text += ` ${key}=${/^[\w./:@-]+$/.test(plain) ? plain : goQuote(plain)}`
  }
  return text
}

function maskField(key: string, value: string): string {
  return isSecretName(key) ? '***' : maskSecrets(value)
}

const reserved = new Set(['time', 'level', 'msg'])

function toPlain(fields: LogFields | undefined): Readonly<Record<string, unknown>> {
  const plain: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields ?? {})) {
    const name = reserved.has(key) ? `fields.${key}` : key
    if (isSecretName(key)) plain[name] = '***'
    else plain[name] = typeof value === 'string' ? maskSecrets(value) : value
  }
  return plain
}

function toName(level: LogLevel): string {
  return level === 'warn' ? 'warning' : level
}
