import type { Terminal } from './terminal.ts'

/** The part of a `tty.WriteStream` that is looked at. */
export interface TerminalStream {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  on(event: 'resize', handler: () => void): unknown
  off(event: 'resize', handler: () => void): unknown
}

export interface TerminalStreams {
  readonly stdin: { readonly isTTY?: boolean }
  readonly stdout: TerminalStream
  readonly stderr: TerminalStream
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Describes the terminal behind a process's streams; sizes are read when asked for. */
export function makeTerminal(streams: TerminalStreams): Terminal {
  const { stdout, stderr, stdin, env } = streams
  const screen = stdout.isTTY === true ? stdout : stderr
  return {
    isTty: stdout.isTTY === true,
    isStderrTty: stderr.isTTY === true,
    // Looked at when asked for: most commands read nothing.
    get isStdinTty() {
      return stdin.isTTY === true
    },
    columns: () => toSize(screen.columns, env['COLUMNS'], 80),
    rows: () => toSize(screen.rows, env['LINES'], 24),
    colorDepth: findColorDepth(env, stdout.isTTY === true || stderr.isTTY === true),
    onResize(handler) {
      screen.on('resize', handler)
      return () => {
        screen.off('resize', handler)
      }
    },
  }
}

function toSize(measured: number | undefined, fromEnv: string | undefined, fallback: number): number {
  if (measured !== undefined && measured > 0) return measured
  const given = Number(fromEnv)
  return Number.isInteger(given) && given > 0 ? given : fallback
}

// NO_COLOR: https://no-color.org; CLICOLOR_FORCE and FORCE_COLOR are its opposites.
function findColorDepth(env: Readonly<Record<string, string | undefined>>, isTty: boolean): 0 | 1 | 2 | 3 {
  if ((env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb') return 0
  const isForced = isSet(env['FORCE_COLOR']) || isSet(env['CLICOLOR_FORCE'])
  if (!isTty && !isForced) return 0
  if (/^(?:truecolor|24bit)$/.test(env['COLORTERM'] ?? '')) return 3
  return /256color/.test(env['TERM'] ?? '') ? 2 : 1
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0'
}
