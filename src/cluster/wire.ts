/** Reading of untrusted JSON objects field by field. Every reader has an answer for a missing or wrong field. */

/** An object of parsed JSON. */
export type Fields = Readonly<Record<string, unknown>>

export const noFields: Fields = Object.freeze({})

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Own field only, so that `__proto__` and `constructor` are just names. */
export function readField(fields: Fields, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined
}

export function readFields(fields: Fields, key: string): Fields {
  const value = readField(fields, key)
  return isFields(value) ? value : noFields
}

export function readText(fields: Fields, key: string): string {
  const value = readField(fields, key)
  return typeof value === 'string' ? value : ''
}

/** 0 when absent, not a number or not finite. Numbers too large for exact arithmetic come rounded. */
export function readNumber(fields: Fields, key: string): number {
  return toNumber(readField(fields, key))
}

export function toNumber(value: unknown): number {
  // Numbers a double cannot hold arrive as an object with their text (core/exact-json.ts).
  const number = isFields(value) && typeof value['text'] === 'string' ? Number(value['text']) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : 0
}

export function readBoolean(fields: Fields, key: string): boolean {
  return readField(fields, key) === true
}

export function readList(fields: Fields, key: string): readonly unknown[] {
  const value = readField(fields, key)
  return Array.isArray(value) ? value : []
}

export function readTexts(fields: Fields, key: string): readonly string[] {
  return readList(fields, key).filter((each) => typeof each === 'string')
}

const noLabels: ReadonlyMap<string, string> = new Map()

/** String values of an object; all empty objects share one map. */
export function readLabels(fields: Fields, key: string): ReadonlyMap<string, string> {
  const labels = new Map<string, string>()
  for (const [name, value] of Object.entries(readFields(fields, key))) {
    if (typeof value === 'string') labels.set(name, value)
  }
  return labels.size === 0 ? noLabels : labels
}

/** RFC 3339 to epoch milliseconds; 0 for absent, malformed and Go's zero time. */
export function readTimeMs(fields: Fields, key: string): number {
  const text = readText(fields, key)
  if (text === '' || text.startsWith('0001-01-01')) return 0
  const time = Date.parse(text)
  return Number.isNaN(time) ? 0 : time
}

const nanosPerCpu = 1e9
const defaultPeriodMicros = 100_000

/** CPUs that `NanoCpus` or a quota grant, the larger; in 10⁻⁹. */
export function readCpuLimit(hostConfig: Fields): number {
  const quota = readNumber(hostConfig, 'CpuQuota')
  const period = readNumber(hostConfig, 'CpuPeriod') || defaultPeriodMicros
  const byQuota = quota > 0 ? Math.trunc((quota * nanosPerCpu) / period) : 0
  return Math.max(byQuota, readNumber(hostConfig, 'NanoCpus'), 0)
}

/** Memory to set aside: the limit, or the reservation where there is no limit. */
export function readMemory(hostConfig: Fields): number {
  return Math.max(readNumber(hostConfig, 'Memory') || readNumber(hostConfig, 'MemoryReservation'), 0)
}
