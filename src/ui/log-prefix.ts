import { makeStyle } from './style.ts'
import type { Terminal } from './terminal.ts'
import { padText, textWidth } from './width.ts'

/** What lines are written to. */
export interface LogStream {
  write(text: string): unknown
}

export interface LogPainterOptions {
  readonly stdout: LogStream
  readonly stderr: LogStream
  readonly terminal: Terminal
  /** `--no-color` false, `--ansi always` true; absent: as the terminal says. */
  readonly hasColour?: boolean
  /** `--no-log-prefix`. */
  readonly hasPrefix?: boolean
}

/** Writes the output of many containers, each line with the coloured name of its container. */
export interface LogPainter {
  /** Makes a name known, so that the column is wide enough from the start. */
  announce(name: string): void
  /** Takes any piece of output; whole lines are written at once, the rest waits for its end. */
  write(name: string, stream: 'stdout' | 'stderr', text: string): void
  /** One line of our own: `web-1 exited with code 0`. */
  note(text: string): void
  /** One line about files that are being followed. */
  watchNote(text: string): void
  /** Writes what waits for a line end. */
  end(name?: string): void
}

/** Five colours, then the same five bold (docker/compose cmd/formatter/colors.go). */
const colours = ['36', '33', '32', '35', '34']
const wheel: readonly string[] = [...colours, ...colours.map((code) => `1;${code}`)]
const watchColour = '92'

/** Prefix and colour per name; the colour depends on the order of names alone. */
export function makeLogPainter(options: LogPainterOptions): LogPainter {
  const style = makeStyle(options.terminal, options.hasColour)
  const order: string[] = []
  const waiting = new Map<string, string>()
  let width = 0

  function paint(code: string, text: string): string {
    return style.hasColour ? `\u001b[${code}m${text}\u001b[0m` : text
  }
  function announce(name: string): void {
    if (order.includes(name)) return
    order.push(name)
    width = Math.max(width, textWidth(name))
  }
  function prefix(name: string): string {
    if (options.hasPrefix === false) return ''
    const colour = wheel[order.indexOf(name) % wheel.length] ?? '36'
    return paint(colour, `${padText(name, width)}  | `)
  }
  function writeLines(name: string, stream: 'stdout' | 'stderr', lines: readonly string[]): void {
    if (lines.length === 0) return
    const head = prefix(name)
    options[stream].write(lines.map((line) => `${head}${line}\n`).join(''))
  }
  return {
    announce,
    write(name, stream, text) {
      announce(name)
      const key = `${stream}:${name}`
      const lines = ((waiting.get(key) ?? '') + text).split(/\r?\n/)
      const rest = lines.pop() ?? ''
      // A program that never ends its line must not fill the memory.
      if (rest.length > 1_000_000) {
        lines.push(rest)
        waiting.delete(key)
      } else if (rest === '') {
        waiting.delete(key)
      } else {
        waiting.set(key, rest)
      }
      writeLines(name, stream, lines)
    },
    note(text) {
      options.stdout.write(`${text}\n`)
    },
    watchNote(text) {
      const head = options.hasPrefix === false ? '' : paint(watchColour, `${' '.repeat(width + 1)} ⦿ `)
      options.stdout.write(`${head}${text}\n`)
    },
    end(name) {
      for (const [key, rest] of waiting) {
        const at = key.indexOf(':')
        const [stream, owner] = [key.slice(0, at), key.slice(at + 1)]
        if (name !== undefined && owner !== name) continue
        writeLines(owner, stream === 'stderr' ? 'stderr' : 'stdout', [rest])
        waiting.delete(key)
      }
    },
  }
}
