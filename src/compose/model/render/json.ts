import { GoScalar } from '../go-scalar.ts'
import { NumberText } from './out.ts'
import type { Out, OutMap } from './out.ts'

/**
 * Go's JSON, byte for byte: HTML characters and line separators escaped.
 *
 * @param indent spaces a level; absent: all on one line without blanks
 */
export function renderJson(value: Out, indent?: number): string {
  const parts: string[] = []
  write(value, indent, '', parts)
  return parts.join('')
}

function write(value: Out, indent: number | undefined, margin: string, parts: string[]): void {
  if (typeof value === 'string') parts.push(quoteJson(value))
  else if (value instanceof NumberText) parts.push(value.text)
  else if (value instanceof GoScalar) parts.push(scalarJson(value))
  else if (Object.is(value, -0)) parts.push('-0')
  else if (Array.isArray(value)) {
    writeAll(
      value.map((entry) => ['', entry] as const),
      '[]',
      indent,
      margin,
      parts,
    )
  } else if (value instanceof Map) {
    const colon = indent === undefined ? ':' : ': '
    const entries = [...(value as OutMap)].map(([name, held]) => [quoteJson(name) + colon, held] as const)
    writeAll(entries, '{}', indent, margin, parts)
  } else parts.push(JSON.stringify(value))
}

function writeAll(
  entries: readonly (readonly [string, Out])[],
  brackets: string,
  indent: number | undefined,
  margin: string,
  parts: string[],
): void {
  const inside = indent === undefined || entries.length === 0 ? '' : `\n${margin}${' '.repeat(indent)}`
  parts.push(brackets.charAt(0))
  for (const [index, [lead, value]] of entries.entries()) {
    parts.push(index === 0 ? '' : ',', inside, lead)
    write(value, indent, margin + ' '.repeat(indent ?? 0), parts)
  }
  parts.push(inside === '' ? '' : `\n${margin}`, brackets.charAt(1))
}

/** JSON has no dates, and floats only from 1e21 on with an exponent. */
function scalarJson(scalar: GoScalar): string {
  if (scalar.kind === 'time') return quoteJson(scalar.text)
  return scalar.kind === 'float' ? String(scalar.number) : scalar.text
}

/** A text as Go's `encoding/json` writes it. */
function quoteJson(text: string): string {
  return JSON.stringify(text.replace(/\p{Surrogate}/gu, '\uFFFD')).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
