import type { Readable, Writable } from 'node:stream'
import type { Clock, Random } from '../core/clock.ts'
import type { Registry } from '../plugin/registry.ts'
import type { Terminal } from '../ui/terminal.ts'

export type SignalName = 'SIGINT' | 'SIGTERM'

/** The process as an argument: what `run` needs of it and no more. */
export interface World {
  /** Without the interpreter and the program. */
  readonly argv: readonly string[]
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  /** Undefined where the current folder has been deleted. */
  readonly cwd: string | undefined
  readonly clock: Clock
  readonly random: Random
  readonly terminal: Terminal
  readonly plugins: Registry
  /** Calls back on each signal; returns the way to stop. */
  onSignal(handler: (name: SignalName) => void): () => void
  /** Calls back on signals that have no meaning for the program itself, SIGHUP for instance; returns the way to stop. */
  onOtherSignal?(handler: (name: string) => void): () => void
  /** Calls back for errors that nobody caught; returns the way to stop. */
  onUncaught(handler: (error: unknown) => void): () => void
}
