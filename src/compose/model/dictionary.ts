/**
 * A map with names chosen by users: services, labels, environment, driver options.
 *
 * Always an object without prototype, so that `__proto__`, `constructor` and `toString` are names like
 * any other and a look-up of an absent name is `undefined`. Make one with `makeDictionary`; an object
 * literal or a spread has a prototype and must not be used as one. Iterate with `Object.entries`.
 */
export type Dictionary<T> = Readonly<Record<string, T>>

/** A dictionary under construction. */
export type MutableDictionary<T> = Record<string, T>

/** @returns a new dictionary; a later entry of the same name wins */
export function makeDictionary<T>(entries: Iterable<readonly [string, T]> = []): MutableDictionary<T> {
  const made = Object.create(null) as MutableDictionary<T>
  for (const [name, value] of entries) made[name] = value
  return made
}

/** A shallow copy that keeps the missing prototype. */
export function copyDictionary<T>(source: Dictionary<T>): MutableDictionary<T> {
  return Object.assign(Object.create(null) as MutableDictionary<T>, source)
}

/** The same names in the same order with other values. */
export function mapDictionary<T, R>(source: Dictionary<T>, map: (value: T, name: string) => R): MutableDictionary<R> {
  const made = makeDictionary<R>()
  for (const name of Object.keys(source)) made[name] = map(source[name] as T, name)
  return made
}

/** Names in byte order of their UTF-8 form, the order Go sorts map keys in. */
export function sortedNames(source: Dictionary<unknown>): readonly string[] {
  const names = Object.keys(source)
  if (names.length < 2) return names
  // Below the surrogates both orders are the same, and the built-in one is many times as quick.
  return names.some((name) => surrogateOrAbove.test(name)) ? names.sort(compareNames) : names.sort()
}

const surrogateOrAbove = /[\ud800-\uffff]/

/**
 * Byte order of the UTF-8 forms. It differs from the order of UTF-16 units only where a surrogate pair
 * meets a unit above the surrogates.
 */
export function compareNames(left: string, right: string): number {
  const length = Math.min(left.length, right.length)
  for (let index = 0; index < length; index += 1) {
    const a = left.charCodeAt(index)
    const b = right.charCodeAt(index)
    if (a === b) continue
    const isPairA = a >= 0xd800 && a <= 0xdfff
    const isPairB = b >= 0xd800 && b <= 0xdfff
    return isPairA === isPairB ? a - b : isPairA ? 1 : -1
  }
  return left.length - right.length
}
