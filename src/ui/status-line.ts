import type { LogStream } from './log-prefix.ts'

const clearLine = '\r\u001b[2K'

/** One line under the output of a terminal that stays the last one, whatever is written above it. */
export interface StatusLine {
  /** Shows or replaces the text. */
  show(text: string): void
  /** Takes the line away, until it is shown again. */
  hide(): void
  /** The stream to write whole lines to while there may be a status line. */
  above(stream: LogStream): LogStream
}

/** @param screen the terminal, for the line itself */
export function makeStatusLine(screen: LogStream): StatusLine {
  let shown: string | undefined
  return {
    show(text) {
      if (shown !== undefined) screen.write(clearLine)
      shown = text
      screen.write(text)
    },
    hide() {
      if (shown === undefined) return
      shown = undefined
      screen.write(clearLine)
    },
    above(stream) {
      return {
        write(text) {
          if (shown === undefined) return stream.write(text)
          screen.write(clearLine)
          stream.write(text)
          return screen.write(shown)
        },
      }
    },
  }
}
