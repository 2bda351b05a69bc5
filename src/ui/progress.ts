import type { Writable } from 'node:stream'
import type { Clock } from '../core/clock.ts'
import type { ProgressEvent } from '../core/progress.ts'
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
  /** A closing line, under everything. */
  tail(text: string): void
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
export type StartProgress = (options: ProgressOptions) => ProgressPainter

/** Pictures measure text for terminals, which takes ten times as long to load as all else here. */
export async function loadProgress(mode: ProgressMode): Promise<StartProgress> {
  switch (mode) {
    case 'tty':
      return (await import('./progress-live.ts')).startLive
    case 'json':
      return (options) => ({
        ...lines(options, renderJsonLine),
        tail: (text) =>
          void options.stream.write(`${JSON.stringify({ ...markDryRun(options.prefix), tail: true, text })}\n`),
      })
    case 'plain':
      return (options) => withoutRepeats(lines(options, renderPlainLine))
    default:
      return (options) => ({ ...lines(options, renderPlainLine), emit() {}, tail() {} })
  }
}

function lines(options: ProgressOptions, render: (event: ProgressEvent, prefix: string) => string): ProgressPainter {
  return {
    emit: (event) => void options.stream.write(`${render(event, options.prefix ?? '')}\n`),
    print: (text) => void options.stream.write(text),
    tail: (text) => void options.stream.write(`${options.prefix ?? ''}${text}\n`),
    stop() {},
  }
}

/** Counting bytes is for pictures: a line is written when the words change. */
function withoutRepeats(painter: ProgressPainter): ProgressPainter {
  const last = new Map<string, string>()
  return {
    ...painter,
    emit(event) {
      if (event.output !== undefined) return painter.emit(event)
      const words = `${event.status} ${event.text} ${event.detail ?? ''}`
      if (last.get(event.id) === words) return
      last.set(event.id, words)
      painter.emit(event)
    },
  }
}

function renderPlainLine(event: ProgressEvent, prefix: string): string {
  const detail = event.detail === undefined || event.detail === '' ? '' : ` ${event.detail.replace(/[\r\n]+/g, ' ')}`
  // The blank is there without a prefix, too.
  const before = prefix === '' ? ' ' : ` ${prefix} `
  if (event.output !== undefined) return `${before}${event.id}  | ${event.output.replace(/[\r\n]+/g, ' ')}`
  // What is pulled and pushed has its words where other things have none (docker/compose pkg/progress/event.go).
  if (event.isTransfer === true) return `${before}${event.id} ${event.text} ${detail.trimStart()}`
  return `${before}${event.id}  ${event.text}${detail}`
}

function markDryRun(prefix = ''): object {
  return prefix === '' ? {} : { 'dry-run': true }
}

/** Words stand where docker-compose 2.40 has them: under `status`, of transfers under `text`. */
function renderJsonLine(event: ProgressEvent, prefix: string): string {
  const { id, parentId, text, detail, output, current, total } = event
  const isTransfer = event.isTransfer === true || parentId !== undefined
  const words = isTransfer ? { text } : { status: text }
  const isPartDone = event.isTransfer === true && parentId !== undefined && event.status === 'done'
  const share = total === undefined || total === 0 ? undefined : Math.floor((100 * (current ?? 0)) / total)
  return JSON.stringify({
    ...markDryRun(prefix),
    id,
    parent_id: parentId,
    ...words,
    ...(event.isTransfer === true && output === undefined ? { status: detail } : { details: output ?? detail }),
    current,
    total,
    percent: share ?? (isPartDone ? 100 : undefined),
  })
}
