/**
 * What an endpoint takes at most: docs/reliability.md lists each limit and what happens beyond it. They are read when a
 * server, a connection or an engine is opened; nothing looks them up while a request passes.
 */

/** Of one connection of a client. Times in whole seconds: they are looked at about once a second. */
export interface ConnectionLimits {
  /** Request line and headers together. */
  readonly headBytes: number
  readonly headers: number
  /** From the first byte of a request until its head is complete. */
  readonly headSeconds: number
  /** Between two pieces of a body. */
  readonly bodyIdleSeconds: number
  /** For the whole of a body that is kept in memory. */
  readonly bodySeconds: number
  /** Between two requests. */
  readonly keepAliveSeconds: number
  /** A body that is kept in memory: creates and other JSON. */
  readonly bodyBytes: number
  /** Of JSON in a body. */
  readonly jsonDepth: number
  /** The same: values of any kind, lists and objects among them. */
  readonly jsonValues: number
  /** For how long a client may take nothing of what is left for it on a connection that is over. */
  readonly unreadMs: number
}

/** Connections at once: in all, from one address, and those that carry raw streams. */
export interface ServerLimits extends ConnectionLimits {
  readonly total: number
  readonly perAddress: number
  readonly hijacked: number
}

/** Of one engine. */
export interface EngineLimits {
  /** Requests sent and not yet answered. */
  readonly inFlight: number
  /** Requests that wait for their turn. */
  readonly queued: number
  /** An answer that is read as a whole. */
  readonly answerBytes: number
}

/** How long engines may take. Whole seconds. */
export interface CallLimits {
  /** Until the answer to a plain call begins. */
  readonly callSeconds: number
  /** The same where something is made, started, stopped or removed. */
  readonly createSeconds: number
  /** A pull, or a copy of an image between nodes, of which nothing moves. */
  readonly pullIdleSeconds: number
  /** What has to be asked of all engines for one answer: sizes, disk usage, events of the past. */
  readonly gatherSeconds: number
}

/** What one manager takes on at most. */
export interface ManagerLimits extends ServerLimits, EngineLimits, CallLimits {
  /** Characters of one value of a condition, and of all patterns of a name filter. */
  readonly patternLength: number
  /** Events that wait for a subscriber which reads too slowly. */
  readonly events: number
  /** The same in bytes: an event carries all labels of its container, and those may be long. */
  readonly eventBytes: number
}

const KiB = 1024
const MiB = 1024 * KiB

/** reliability.md §2, but for `headBytes`: see decisions/0050. */
export const defaultLimits: ManagerLimits = {
  headBytes: 128 * KiB,
  headers: 200,
  headSeconds: 10,
  bodyIdleSeconds: 60,
  bodySeconds: 60,
  keepAliveSeconds: 75,
  bodyBytes: 4 * MiB,
  jsonDepth: 128,
  jsonValues: 20_000,
  total: 8192,
  perAddress: 256,
  hijacked: 4096,
  unreadMs: 60_000,
  inFlight: 64,
  queued: 1024,
  answerBytes: 256 * MiB,
  callSeconds: 30,
  createSeconds: 120,
  pullIdleSeconds: 60,
  gatherSeconds: 10,
  patternLength: 1024,
  events: 10_000,
  eventBytes: 16 * MiB,
}

/**
 * The limits of one manager. Among several, a replica sends the requests of all its clients from one address: unless told
 * otherwise an address may have as many connections as there are.
 */
export function completeLimits(given: Partial<ManagerLimits>, isOneOfSeveral: boolean): ManagerLimits {
  const limits = { ...defaultLimits, ...given }
  return isOneOfSeveral && given.perAddress === undefined ? { ...limits, perAddress: limits.total } : limits
}
