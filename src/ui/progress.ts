import type { Writable } from 'node:stream'
import type { Clock } from '../core/clock.ts'
import type { ProgressEvent } from '../core/progress.ts'
import { lines, markDryRun, renderJsonLine, renderPlainLine, withoutRepeats } from './progress-lines.ts'
import type { ProgressTitle } from './progress-title.ts'
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
  /** What the command does; `Running`. */
  readonly title?: ProgressTitle
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
  /** Paints the last picture and lets go of the terminal; what comes after it is written in lines. Idempotent. */
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
