/**
 * Whether a call may be sent again of which nobody knows whether it was carried out. `always`: it ends as it would have,
 * or with the refusal of what is gone or there already · `when-broken`: not while the manager that was asked may wake up
 */
export type Repeat = 'always' | 'when-broken'

/** Somebody else may have given a name away between two tries; an ID stays with what was meant. */
const byIdCall = /^POST \/containers\/[0-9a-f]{64}\/(?:start|stop|restart)$/
const byIdRemoval = /^DELETE \/(?:containers\/[0-9a-f]{64}|networks\/(?:[0-9a-f]{64}|[0-9a-z]{25}))$/
/** What a leader of several managers that was frozen takes back when it wakes up. */
const takenBack = /^POST \/(?:containers\/[0-9a-f]{64}\/rename|networks\/create)$/

/**
 * How a call may be sent again as it is; undefined: not at all.
 *
 * @param path without version and query
 */
export function repeatOf(method: string, path: string): Repeat | undefined {
  if (method === 'GET' || method === 'HEAD') return 'always'
  const call = `${method} ${path}`
  if (takenBack.test(call)) return 'when-broken'
  return byIdCall.test(call) || byIdRemoval.test(call) || call === 'POST /volumes/create' ? 'always' : undefined
}

/** Of a request that managers gave no answer to: those of its tries that may have made something, with commas between them. */
export const lostHeader = 'x-flotilla-lost'
