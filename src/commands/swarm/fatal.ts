import { goQuote } from '../../core/goquote.ts'

/** The last line of a daemon that cannot go on, as logrus wrote it. */
export function renderFatal(nowMs: number, message: string): string {
  const time = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z')
  return `time="${time}" level=fatal msg=${goQuote(message)}\n`
}

/** A line as Go's standard logger wrote it, local time: what `list` and `create` fail with. */
export function renderGoLogLine(nowMs: number, message: string): string {
  const at = new Date(nowMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  const date = `${at.getFullYear()}/${two(at.getMonth() + 1)}/${two(at.getDate())}`
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())} ${message}\n`
}
