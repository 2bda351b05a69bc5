import type { ProgressEvent } from '../core/progress.ts'
import type { Style } from './style.ts'
import { padText, textWidth, truncateText } from './width.ts'

/** One thing in progress. */
export interface ProgressRow {
  readonly event: ProgressEvent
  readonly startedAtMs: number
  /** Absent while it is under way. */
  readonly endedAtMs?: number
}

/** All things in progress by id, in the order they first appeared. */
export type ProgressState = ReadonlyMap<string, ProgressRow>

/** Takes one event in. Pure; an ended row that starts again gets a new start. */
export function applyProgress(state: ProgressState, event: ProgressEvent, nowMs: number): ProgressState {
  const before = state.get(event.id)
  const isOver = event.status !== 'working'
  const startedAtMs = before === undefined || (before.endedAtMs !== undefined && !isOver) ? nowMs : before.startedAtMs
  const next = new Map(state)
  next.set(event.id, { event, startedAtMs, ...(isOver ? { endedAtMs: before?.endedAtMs ?? nowMs } : {}) })
  return next
}

export interface FrameOptions {
  /** First line: what is going on, for instance `Running`. */
  readonly title: string
  readonly columns: number
  /** Most lines of the frame; rows that ended longest ago are left out first. */
  readonly rows: number
  readonly nowMs: number
  readonly style: Style
  /** Put before each name: `DRY-RUN MODE - `. */
  readonly prefix?: string
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** The lines of one picture of the state. Pure; no line is wider than the terminal. */
export function renderFrame(state: ProgressState, options: FrameOptions): readonly string[] {
  const all = [...state.values()]
  const top = all.filter((row) => row.event.parentId === undefined || !state.has(row.event.parentId))
  const done = top.filter((row) => row.event.status !== 'working').length
  const shown = selectRows(top, Math.max(1, options.rows - 1))
  const statusWidth = Math.max(0, ...shown.map((row) => textWidth(statusOf(row, all))))
  const longestName = Math.max(0, ...shown.map((row) => textWidth(nameOf(row, options))))
  const nameWidth = isNarrow(options)
    ? Math.min(longestName, Math.max(6, options.columns - 4 - Math.min(statusWidth, 12)))
    : longestName
  const title = truncateText(`[+] ${options.title} ${done}/${top.length}`, options.columns)
  return [title, ...shown.map((row) => renderRow(row, all, options, nameWidth, statusWidth))]
}

function selectRows(rows: readonly ProgressRow[], most: number): readonly ProgressRow[] {
  if (rows.length <= most) return rows
  const ended = rows
    .filter((row) => row.endedAtMs !== undefined && row.event.status === 'done')
    .sort((a, b) => (a.endedAtMs ?? 0) - (b.endedAtMs ?? 0))
  const dropped = new Set(ended.slice(0, rows.length - most))
  return rows.filter((row) => !dropped.has(row)).slice(-most)
}

function renderRow(
  row: ProgressRow,
  all: readonly ProgressRow[],
  options: FrameOptions,
  nameWidth: number,
  statusWidth: number,
): string {
  const { event } = row
  const name = padText(truncateText(nameOf(row, options), nameWidth), nameWidth)
  if (isNarrow(options)) {
    const words = truncateText(` ${name} ${statusOf(row, all)}`, Math.max(0, options.columns - 2))
    return options.columns < 2
      ? ''
      : ` ${paintIcon(event.status, row, options)}${paintMiddle(words, event, options.style)}`
  }
  const time = `${(((row.endedAtMs ?? options.nowMs) - row.startedAtMs) / 1000).toFixed(1)}s`
  const status = padText(statusOf(row, all), statusWidth)
  // The time stands at the right edge; what does not fit is cut from the middle text.
  const middle = truncateText(` ${name} ${status}`, Math.max(0, options.columns - 2 - time.length - 1))
  const gap = ' '.repeat(Math.max(1, options.columns - 2 - textWidth(middle) - time.length))
  const line = ` ${paintIcon(event.status, row, options)}${paintMiddle(middle, event, options.style)}${gap}`
  return `${line}${options.style.paint('blue', time)}`
}

/** Where not all has room, the time is left out and names are cut: what has happened is what counts. */
function isNarrow({ columns }: FrameOptions): boolean {
  return columns < 40
}

function nameOf(row: ProgressRow, options: FrameOptions): string {
  return cleanText(`${options.prefix ?? ''}${row.event.id}`)
}

/** Engines' messages must neither break the picture nor steer the terminal. */
function cleanText(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')
}

/** Text, detail, and how far the thing and its parts are. */
function statusOf(row: ProgressRow, all: readonly ProgressRow[]): string {
  const { event } = row
  const parts = event.status === 'working' ? all.filter((other) => other.event.parentId === event.id) : []
  const total = sum([event, ...parts.map((part) => part.event)], (item) => item.total)
  const current = sum([event, ...parts.map((part) => part.event)], (item) =>
    Math.min(item.current ?? 0, item.total ?? 0),
  )
  const share = total > 0 ? ` ${Math.floor((100 * current) / total)}%` : ''
  const detail = event.detail === undefined || event.detail === '' ? '' : ` ${event.detail}`
  return cleanText(`${event.text}${share}${detail}${stepOf(event, parts)}`)
}

/** What a thing made in steps is at: the step that began last, and the last line of it. */
function stepOf(event: ProgressEvent, parts: readonly ProgressRow[]): string {
  const step = parts.findLast((part) => part.endedAtMs === undefined && part.event.id.startsWith(`${event.id} `))?.event
  if (step === undefined) return ''
  const output = step.output === undefined || step.output === '' ? '' : `: ${step.output}`
  return ` ${step.id.slice(event.id.length + 1)}${output}`
}

function sum(events: readonly ProgressEvent[], value: (event: ProgressEvent) => number | undefined): number {
  return events.reduce((total, event) => total + (value(event) ?? 0), 0)
}

function paintIcon(status: ProgressEvent['status'], row: ProgressRow, options: FrameOptions): string {
  const { style, nowMs } = options
  switch (status) {
    case 'done':
      return style.paint('green', '✓')
    case 'error':
      return style.paint('red', '✗')
    case 'warning':
      return style.paint('yellow', '!')
    default:
      return style.paint('blue', spinner[Math.floor((nowMs - row.startedAtMs) / 100) % spinner.length] ?? ' ')
  }
}

function paintMiddle(text: string, event: ProgressEvent, style: Style): string {
  if (event.status === 'error') return style.paint('red', text)
  return event.status === 'warning' ? style.paint('yellow', text) : text
}
