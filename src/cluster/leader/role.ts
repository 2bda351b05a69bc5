/**
 * What this manager is at the moment. Everything that acts on its own (rescheduling, removal of duplicates, moves of a
 * drained node) asks `mayAct` before each step that must not be done twice.
 */
export interface Role {
  readonly kind: 'sole' | 'primary' | 'replica'
  /** Address that the primary advertises; undefined while none is known, and for a sole manager. */
  readonly primary: string | undefined
  /** Number of the term of leadership; 0 for a sole manager. */
  readonly term: number
  /** True when, asked now, nobody else may act: a sole manager always, a primary after confirming its lease. */
  mayAct(): Promise<boolean>
  /** Calls back after each change of kind, primary or term. @returns gives the subscription back */
  onChange(listener: () => void): () => void
}

/** The only manager of a cluster. */
export const soleRole: Role = {
  kind: 'sole',
  primary: undefined,
  term: 0,
  mayAct: () => Promise.resolve(true),
  onChange: () => () => undefined,
}
