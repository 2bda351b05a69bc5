import type { Writable } from 'node:stream'
import type { Clock } from '../core/clock.ts'
import type { ProgressEvent } from '../core/progress.ts'
import { applyProgress, renderFrame } from './progress-frame.ts'
import type { ProgressState } from './progress-frame.ts'
import { makeStyle } from './style.ts'
import type { Terminal } from './terminal.ts'

/**
 * - `tty`: a picture repainted in place
 * - `plain`: one line per change
 * - `json`: one object per change
 * - `quiet`: only failures of the command itself, which others print
 */
export type ProgressMode = 'tty' | 'plain' | 'json' | 'quiet'

export interface ProgressOptions {
  readonly stream: Writable
  readonly terminal: Terminal
  readonly clock: Clock
  readonly mode: ProgressMode
  /** What is going on; `Running`. */
  readonly title?: string
  /** Put before each name: `DRY-RUN MODE - `. */
  readonly prefix?: string
  /** Overrides what the terminal says about colour. */
  readonly hasColour?: boolean
}

/** Shows the events of one command. */
export interface ProgressPainter {
  emit(event: ProgressEvent): void
  /** Takes the picture away, writes the lines, and paints it again below them. */
  print(text: string): void
  /** Paints the last picture and lets go of the terminal. Idempotent. */
  stop(): void
}

/** The mode for a stream: live where it is a terminal, plain lines elsewhere. */
export function chooseProgressMode(asked: string | undefined, isTty: boolean): ProgressMode {
  if (asked === 'tty' || asked === 'plain' || asked === 'json' || asked === 'quiet') return asked
  if (asked === 'none') return 'quiet'
  return isTty ? 'tty' : 'plain'
}

/** Starts showing progress; with `tty` the caller must call `stop`, also after a failure. */
export function startProgress(options: ProgressOptions): ProgressPainter {
  switch (options.mode) {
    case 'tty':
      return startLive(options)
    case 'json':
      return lines(options, renderJsonLine)
    case 'plain':
      return lines(options, renderPlainLine)
    default:
      return { emit() {}, print: (text) => void options.stream.write(text), stop() {} }
  }
}

function lines(options: ProgressOptions, render: (event: ProgressEvent, prefix: string) => string): ProgressPainter {
  const last = new Map<string, string>()
  return {
    emit(event) {
      // Counting bytes is for pictures: a line is written when the words change.
      const words = `${event.status} ${event.text} ${event.detail ?? ''}`
      if (options.mode === 'plain' && last.get(event.id) === words) return
      last.set(event.id, words)
      options.stream.write(`${render(event, options.prefix ?? '')}\n`)
    },
    print: (text) => void options.stream.write(text),
    stop() {},
  }
}

function renderPlainLine(event: ProgressEvent, prefix: string): string {
  const detail = event.detail === undefined || event.detail === '' ? '' : ` ${event.detail.replace(/[\r\n]+/g, ' ')}`
  return `${prefix.trimEnd()} ${event.id}  ${event.text}${detail}`
}

const jsonStatus: Readonly<Record<ProgressEvent['status'], string>> = {
  working: 'Working',
  done: 'Done',
  warning: 'Warning',
  error: 'Error',
}

function renderJsonLine(event: ProgressEvent, prefix: string): string {
  const { id, parentId, status, text, detail, current, total } = event
  return JSON.stringify({
    ...(prefix === '' ? {} : { 'dry-run': true }),
    id,
    parent_id: parentId,
    status: jsonStatus[status],
    text,
    details: detail,
    current,
    total,
    percent: total === undefined || total === 0 ? undefined : Math.floor((100 * (current ?? 0)) / total),
  })
}

const frameMs = 100

function startLive(options: ProgressOptions): ProgressPainter {
  const { stream, terminal, clock } = options
  const style = makeStyle(terminal, options.hasColour)
  const stopped = new AbortController()
  let state: ProgressState = new Map()
  let painted = 0

  function erase(): string {
    const text = painted === 0 ? '' : `\u001b[${painted}A\u001b[0J`
    painted = 0
    return text
  }
  function paint(before = ''): void {
    let text = erase() + before
    if (state.size > 0) {
      const frame = renderFrame(state, {
        title: options.title ?? 'Running',
        // The last column is left free: some terminals wrap when it is filled.
        columns: terminal.columns() - 1,
        rows: terminal.rows() - 1,
        nowMs: clock.nowMs(),
        style,
        ...(options.prefix === undefined ? {} : { prefix: options.prefix }),
      })
      painted = frame.length
      text += `${frame.join('\n')}\n`
    }
    if (text !== '') stream.write(text)
  }
  async function tick(): Promise<void> {
    while (!stopped.signal.aborted) {
      await clock.sleep(frameMs, stopped.signal)
      paint()
    }
  }
  stream.write('\u001b[?25l')
  const offResize = terminal.onResize(() => {
    // Lines may have been wrapped anew: what was painted can no longer be found.
    painted = 0
  })
  tick().catch(() => {})
  return {
    emit(event) {
      if (!stopped.signal.aborted) state = applyProgress(state, event, clock.nowMs())
    },
    print(text) {
      if (stopped.signal.aborted) stream.write(text)
      else paint(text.endsWith('\n') ? text : `${text}\n`)
    },
    stop() {
      if (stopped.signal.aborted) return
      stopped.abort()
      offResize()
      paint()
      stream.write('\u001b[?25h')
    },
  }
}
