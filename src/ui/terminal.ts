/** What stands at the other end of a stream. */
export interface Terminal {
  /** True when stdout is a terminal. */
  readonly isTty: boolean
  readonly isStderrTty: boolean
  readonly isStdinTty: boolean
  columns(): number
  rows(): number
  /** 0 none, 1 sixteen colours, 2 256 colours, 3 true colour; NO_COLOR and TERM=dumb are respected. */
  readonly colorDepth: 0 | 1 | 2 | 3
  /** Calls back when the window changes size; returns the way to stop. */
  onResize(handler: () => void): () => void
}
