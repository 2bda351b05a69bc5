import { matchesGlob } from '../../core/glob.ts'
import type { AuditFields } from './line.ts'

/** Which lines are wanted; undefined: all. */
export interface Selection {
  readonly user: string | undefined
  /** Epoch milliseconds. */
  readonly sinceMs: number | undefined
  readonly untilMs: number | undefined
  /** A beginning, or a pattern with `*`. */
  readonly path: string | undefined
  readonly isFailed: boolean
}

/** Whether a line is of the time, the user and the path that are wanted. */
export function matches(fields: AuditFields, { user, sinceMs, untilMs, path }: Selection): boolean {
  if (user !== undefined && fields['who'] !== user) return false
  if (path !== undefined && !fits(path, textOf(fields, 'path'))) return false
  if (sinceMs === undefined && untilMs === undefined) return true
  const atMs = Date.parse(textOf(fields, 'time'))
  return atMs >= (sinceMs ?? Number.NEGATIVE_INFINITY) && atMs < (untilMs ?? Number.POSITIVE_INFINITY)
}

function fits(wanted: string, path: string): boolean {
  return wanted.includes('*') ? matchesGlob(wanted, path) : path.startsWith(wanted)
}

/** Refused, failed, cut short, or not written. */
export function isFailure(fields: AuditFields): boolean {
  const status = fields['status']
  return (typeof status === 'number' && status >= 400) || fields['error'] !== undefined || fields['kind'] === 'gap'
}

export const rowTitles: readonly string[] = ['TIME', 'WHO', 'FROM', 'WHAT', 'PATH', 'NODE', 'STATUS', 'MS', 'ERROR']

/** A line as a row of a table. */
export function toRow(fields: AuditFields): string[] {
  const kind = textOf(fields, 'kind')
  const isRequest = kind === 'asked' || kind === 'done'
  const about = isRequest
    ? textOf(fields, 'path')
    : (textOf(fields, 'name') || textOf(fields, 'container')).slice(0, 64)
  const from = textOf(fields, 'from')
  return [
    textOf(fields, 'time'),
    textOf(fields, 'who') || '-',
    (fields['via'] === undefined ? from : `${from} via ${textOf(fields, 'via')}`) || '-',
    isRequest ? textOf(fields, 'method') : textOf(fields, 'what') || kind,
    about || '-',
    textOf(fields, 'node') || textOf(fields, 'manager') || '-',
    kind === 'asked' ? 'asked' : textOf(fields, 'status') || '-',
    textOf(fields, 'ms') || '-',
    kind === 'gap'
      ? `${textOf(fields, 'lost')} lines lost, ${textOf(fields, 'refused')} requests refused`
      : textOf(fields, 'error'),
  ]
}

function textOf(fields: AuditFields, name: string): string {
  const value = fields[name]
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}
