import type { Target } from './find-forwards.ts'

/** One port of the manager that is open, on one address. */
export interface Relay {
  /** Connections, or peers that have sent something lately. */
  readonly openCount: number
  /** Called about once a second. */
  sweep(nowMs: number): void
  /** Takes nothing new; ends what is under way too where `isAbrupt`. */
  close(isAbrupt: boolean): void
}

export interface RelayOptions {
  /** IP address of the manager that is listened on. */
  readonly host: string
  readonly port: number
  /** Whom to try, the best first; asked anew for each connection. */
  readonly targets: () => readonly Target[]
  /** Of a clock that only goes forward. */
  readonly nowMs: () => number
}
