/**
 * True when an Engine API version (`1.41`) is at least another. Text that is no version is older than all.
 */
export function isApiAtLeast(version: string, wanted: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10) || 0)
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number)
  return major !== wantedMajor ? major > wantedMajor : minor >= wantedMinor
}

/** A copy without the fields that hold the engine's own default: undefined, false, 0, '' and empty lists and maps. */
export function dropEmpty<T extends object>(value: T): T {
  const kept = Object.entries(value).filter(([, field]) => !isEmpty(field))
  return Object.fromEntries(kept) as T
}

function isEmpty(field: unknown): boolean {
  if (field === undefined || field === null || field === false || field === 0 || field === '') return true
  if (Array.isArray(field)) return field.length === 0
  return typeof field === 'object' && Object.keys(field).length === 0
}
