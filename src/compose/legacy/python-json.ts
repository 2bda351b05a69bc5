import { GoScalar } from '../model/go-scalar.ts'

/** What Python's `json` can write; floats that are whole are told from whole numbers. */
export type PythonValue =
  | null
  | boolean
  | number
  | string
  | GoScalar
  | readonly PythonValue[]
  | { readonly [key: string]: PythonValue }

/** JSON as `json.dumps(value, sort_keys=True, separators=(',', ':'))` of Python writes it: ASCII only, keys sorted. */
export function renderPythonJson(value: PythonValue): string {
  if (Array.isArray(value)) return `[${(value as readonly PythonValue[]).map(renderPythonJson).join(',')}]`
  if (typeof value === 'string') return renderText(value)
  if (value instanceof GoScalar) return toPythonNumber(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => comparePoints(a, b))
  return `{${entries.map(([key, entry]) => `${renderText(key)}:${renderPythonJson(entry)}`).join(',')}}`
}

/** A number as Python prints it. */
export function toPythonNumber(value: GoScalar | number): string {
  if (typeof value === 'number') return String(value)
  return value.kind === 'float' ? `${value.number}.0` : value.text
}

function renderText(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Python compares code points, not the halves of pairs. */
function comparePoints(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)]
  for (const [index, char] of left.entries()) {
    const difference = (char.codePointAt(0) ?? 0) - (right[index]?.codePointAt(0) ?? -1)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}
