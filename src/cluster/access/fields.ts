import { ExactNumber } from '../../core/exact-json.ts'
import { isFields } from '../wire.ts'

/**
 * All values that an engine may take for a field: Go's decoder reads names whatever their case, and joins objects that
 * come under several spellings.
 *
 * @param path names from the outside in; `*` for each item of a list or each value of an object
 */
export function valuesAt(value: unknown, path: readonly string[]): readonly unknown[] {
  let values: readonly unknown[] = [value]
  for (const name of path) values = values.flatMap((each) => (name === '*' ? itemsOf(each) : valuesOf(each, name)))
  return values
}

function valuesOf(value: unknown, name: string): readonly unknown[] {
  if (!isObject(value)) return []
  const wanted = fold(name)
  return Object.entries(value).flatMap(([key, field]) => (fold(key) === wanted ? [field] : []))
}

function itemsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  return isObject(value) ? Object.values(value) : []
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return isFields(value) && !(value instanceof ExactNumber)
}

/** As Go folds: of letters beyond ASCII the sign of the kelvin stands for k, and the long s for s. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll('\u017f', 's')
}

/** True for all but what says nothing: `null`, `false`, `0`, the empty text, an empty list or object. */
export function isAsked(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '' || value === 0) return false
  if (Array.isArray(value)) return value.length > 0
  return !isObject(value) || Object.keys(value).length > 0
}
