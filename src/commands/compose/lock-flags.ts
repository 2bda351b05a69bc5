/** The flags of every command that takes the project's lock. Loaded at every start: nothing but data. */
export const lockFlags = {
  'lock-timeout': {
    kind: 'integer',
    brief: 'Most seconds to wait while another process changes the project (default: no limit)',
  },
  'no-lock': { kind: 'boolean', brief: 'Do not lock the project while it is changed' },
} as const

/** Type of `lockFlags`, for tables that spell out what they join. */
export type LockFlags = typeof lockFlags
