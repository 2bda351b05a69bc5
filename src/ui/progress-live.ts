import { applyProgress, renderFrame } from './progress-frame.ts'
import type { ProgressState } from './progress-frame.ts'
import { lines, renderPlainLine, withoutRepeats } from './progress-lines.ts'
import { titleOf } from './progress-title.ts'
import type { ProgressTitle } from './progress-title.ts'
import type { ProgressOptions, ProgressPainter } from './progress.ts'
import { makeStyle } from './style.ts'

const frameMs = 100

/** Around each picture and not around all of them: a program that is killed leaves the cursor as it was. */
const hideCursor = '\u001b[?25l'
const showCursor = '\u001b[?25h'

/** A picture repainted in place until it is stopped. */
export function startLive(options: ProgressOptions): ProgressPainter {
  const { stream, terminal, clock } = options
  const style = makeStyle(terminal, options.hasColour)
  const stopped = new AbortController()
  const own = options.title ?? 'Running'
  let state: ProgressState = new Map()
  let title: ProgressTitle = own
  let painted = 0
  // Other output follows a picture that was taken away: what still happens is told in lines, parts left out.
  const after = withoutRepeats(lines(options, renderPlainLine))

  function erase(): string {
    // What the terminal echoes of keys, such as ^C, leaves the cursor inside the line.
    const text = painted === 0 ? '' : `\r\u001b[${painted}A\u001b[0J`
    painted = 0
    return text
  }
  function paint(before = ''): void {
    let text = erase() + before
    if (state.size > 0) {
      const frame = renderFrame(state, {
        title,
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
    if (text !== '') stream.write(`${hideCursor}${text}${showCursor}`)
  }
  async function tick(): Promise<void> {
    while (!stopped.signal.aborted) {
      await clock.sleep(frameMs, stopped.signal)
      paint()
    }
  }
  /** A picture stays as it is once all in it has ended and something begins that belongs under another title. */
  function turnTo(next: ProgressTitle): void {
    if (next === title) return
    if ([...state.values()].some((row) => row.endedAtMs === undefined)) return
    paint()
    painted = 0
    state = new Map()
    title = next
  }
  const offResize = terminal.onResize(() => {
    // Lines may have been wrapped anew: what was painted can no longer be found.
    painted = 0
  })
  tick().catch(() => {})
  const print = (text: string): void => {
    if (stopped.signal.aborted) stream.write(text)
    else paint(text.endsWith('\n') ? text : `${text}\n`)
  }
  return {
    emit(event) {
      if (!stopped.signal.aborted) {
        if (event.status === 'working' && event.parentId === undefined) turnTo(titleOf(event, own))
        state = applyProgress(state, event, clock.nowMs())
      } else if (event.parentId === undefined) after.emit(event)
    },
    print,
    tail: (text) => print(`${options.prefix ?? ''}${text}\n`),
    stop() {
      if (stopped.signal.aborted) return
      stopped.abort()
      offResize()
      paint()
    },
  }
}
