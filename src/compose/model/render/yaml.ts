import { assertNever } from '../../../core/errors.ts'
import { GoScalar } from '../go-scalar.ts'
import { NumberText } from './out.ts'
import type { Out, OutMap } from './out.ts'
import { chooseStyle, quoteDouble, quoteSingle } from './yaml-scalar.ts'

/** Longest key, in bytes, that stands before its colon on one line; longer ones take the `? ` form. */
const longestKey = 128

/** YAML as go-yaml writes it with an indent of two: lists indented, nothing folded. Ends with a line feed. */
export function renderYaml(value: Out): string {
  const lines: string[] = []
  if (isBlockMap(value)) writeMap(value, 0, lines, '')
  else if (Array.isArray(value) && value.length > 0) writeList(value, 0, lines, '')
  else lines.push(renderFlat(value, 0))
  return `${lines.join('\n')}\n`
}

function isBlockMap(value: Out): value is OutMap {
  return value instanceof Map && value.size > 0
}

/** @param lead what stands before the first entry in place of the margin, for instance `- ` */
function writeMap(map: OutMap, margin: number, lines: string[], lead: string): void {
  let before = lead
  for (const [name, value] of map) {
    const start = before === '' ? ' '.repeat(margin) : before
    before = ''
    const isSimple = Buffer.byteLength(name) <= longestKey && !name.includes('\n')
    const key = renderText(name, isSimple, margin + 2)
    if (isSimple) writeEntry(`${start}${key}:`, value, margin, lines)
    else {
      lines.push(`${start}? ${key}`)
      writeEntry(`${' '.repeat(margin)}:`, value, margin, lines)
    }
  }
}

function writeEntry(start: string, value: Out, margin: number, lines: string[]): void {
  if (isBlockMap(value)) {
    lines.push(start)
    writeMap(value, margin + 2, lines, '')
  } else if (Array.isArray(value) && value.length > 0) {
    lines.push(start)
    writeList(value, margin + 2, lines, '')
  } else lines.push(`${start} ${renderFlat(value, margin + 2)}`)
}

function writeList(list: readonly Out[], margin: number, lines: string[], lead: string): void {
  let before = lead
  for (const value of list) {
    const start = `${before === '' ? ' '.repeat(margin) : before}- `
    before = ''
    if (isBlockMap(value)) writeMap(value, margin + 2, lines, start)
    else if (Array.isArray(value) && value.length > 0) writeList(value, margin + 2, lines, start)
    else lines.push(start + renderFlat(value, margin + 2))
  }
}

/** A value on one line, or a block of text whose lines stand at `margin`. */
function renderFlat(value: Out, margin: number): string {
  if (typeof value === 'string') return renderText(value, false, margin)
  if (value instanceof GoScalar) return value.text
  if (value instanceof NumberText) return renderFraction(Number(value.text))
  if (Array.isArray(value)) return '[]'
  if (value instanceof Map) return '{}'
  if (typeof value === 'number') return renderNumber(value)
  return JSON.stringify(value)
}

function renderNumber(value: number): string {
  if (Number.isNaN(value)) return '.nan'
  if (!Number.isFinite(value)) return value > 0 ? '.inf' : '-.inf'
  if (Object.is(value, -0)) return '-0'
  // Whole numbers, which end at 2^53 here, are printed as such.
  return Number.isSafeInteger(value) ? String(value) : renderFraction(value)
}

/** Go's %g: floats take an exponent from a million on, whole ones too (`cpus: 1000000`). */
function renderFraction(value: number): string {
  const size = Math.abs(value)
  const isLong = size >= 1e6 || (size > 0 && size < 1e-4)
  return (isLong ? value.toExponential() : String(value)).replace(/e([-+])(\d)$/, 'e$10$2')
}

function renderText(text: string, isKey: boolean, margin: number): string {
  const style = chooseStyle(text, isKey)
  switch (style) {
    case 'plain':
      return text
    case 'single':
      return quoteSingle(text)
    case 'double':
      return quoteDouble(text)
    case 'literal':
      return renderLiteral(text, margin)
    default:
      return assertNever(style)
  }
}

function renderLiteral(text: string, margin: number): string {
  const indent = /^[ \n]/.test(text) ? '2' : ''
  const keep = text === '\n' || text.endsWith('\n\n') ? '+' : ''
  const chomp = text.endsWith('\n') ? keep : '-'
  const body = chomp === '-' ? text : text.slice(0, -1)
  const lines = body.split('\n').map((line) => (line === '' ? '' : ' '.repeat(margin) + line))
  return [`|${indent}${chomp}`, ...lines].join('\n')
}
