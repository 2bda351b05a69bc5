/** The newest API version this program speaks, and the oldest. */
export const newestApiVersion = '1.51'
export const oldestApiVersion = '1.24'

/** Negative when `a` is older than `b`. Both of the form `1.41`. */
export function compareApiVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number)
  const [majorB = 0, minorB = 0] = b.split('.').map(Number)
  return majorA === majorB ? minorA - minorB : majorA - majorB
}

/** True for text of the form `1.41`. */
export function isApiVersion(text: string): boolean {
  return /^[0-9]{1,3}\.[0-9]{1,4}$/.test(text)
}
