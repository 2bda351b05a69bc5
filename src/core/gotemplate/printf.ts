import { goQuote } from '../goquote.ts'
import { byteLength, goType, renderNumber, renderValue } from './value.ts'

// Go refuses wider fields too.
const maxWidth = 1_000_000

const directive = /%([-+# 0]*)(\d+)?(?:\.(\d*))?(?:\[\d+\])?(.|$)/gsu

/** Go's `Sprintf` for the verbs that formats use. Wrong verbs print as Go prints them, never fail. */
export function goSprintf(format: string, args: readonly unknown[]): string {
  let used = 0
  const text = format.replace(
    directive,
    (_, flags: string, width: string | undefined, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%'
      if (verb === '') return '%!(NOVERB)'
      if (used >= args.length) return `%!${verb}(MISSING)`
      const value = args[used]
      used += 1
      if (Number(width ?? 0) > maxWidth) return '%!(BADWIDTH)'
      const body = renderVerb(verb, value, flags, toPrecision(precision))
      return pad(body, Number(width ?? 0), flags, verb)
    },
  )
  if (used >= args.length) return text
  const extra = args.slice(used).map((value) => `${goType(value)}=${renderValue(value)}`)
  return `${text}%!(EXTRA ${extra.join(', ')})`
}

function toPrecision(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Math.min(Number(text === '' ? 0 : text), 100)
}

function renderVerb(verb: string, value: unknown, flags: string, precision: number | undefined): string {
  switch (verb) {
    case 'v':
      return renderValue(value)
    case 'T':
      return goType(value)
    case 's':
      if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') break
      return cut(value === undefined || value === null ? '%!s(<nil>)' : renderValue(value), precision)
    case 'q':
      if (typeof value === 'string') return goQuote(cut(value, precision))
      break
    case 't':
      if (typeof value === 'boolean') return String(value)
      break
    case 'x':
    case 'X':
      if (typeof value === 'string') {
        const hex = [...new TextEncoder().encode(value)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
        return verb === 'X' ? hex.toUpperCase() : hex
      }
      return renderInteger(verb, value, flags)
    case 'd':
    case 'b':
    case 'o':
    case 'c':
    case 'U':
      return renderInteger(verb, value, flags)
    case 'f':
    case 'F':
    case 'e':
    case 'g':
      if (typeof value === 'number') return sign(renderFloat(verb, value, precision), flags)
      break
    default:
  }
  return `%!${verb}(${goType(value)}=${renderValue(value)})`
}

function renderInteger(verb: string, value: unknown, flags: string): string {
  const isWhole = typeof value === 'bigint' || Number.isInteger(value)
  if (!isWhole) return `%!${verb}(${goType(value)}=${renderValue(value)})`
  const number = BigInt(value as number | bigint)
  if (verb === 'c' || verb === 'U') {
    const code = number >= 0n && number <= 0x10ffffn ? Number(number) : 0xfffd
    return verb === 'c' ? String.fromCodePoint(code) : `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
  }
  const base = { d: 10, b: 2, o: 8, x: 16, X: 16 }[verb] ?? 10
  const text = number.toString(base)
  return sign(verb === 'X' ? text.toUpperCase() : text, flags)
}

function renderFloat(verb: string, value: number, precision: number | undefined): string {
  if (verb === 'f' || verb === 'F') return value.toFixed(precision ?? 6)
  if (verb === 'e') return value.toExponential(precision ?? 6).replace(/e([+-])(\d)$/, 'e$10$2')
  return precision === undefined ? renderNumber(value) : String(Number(value.toPrecision(Math.max(1, precision))))
}

function sign(text: string, flags: string): string {
  if (text.startsWith('-')) return text
  if (flags.includes('+')) return `+${text}`
  return flags.includes(' ') ? ` ${text}` : text
}

function cut(text: string, precision: number | undefined): string {
  return precision === undefined ? text : Array.from(text).slice(0, precision).join('')
}

function pad(text: string, width: number, flags: string, verb: string): string {
  const missing = width - (byteLength(text) === text.length ? text.length : Array.from(text).length)
  if (missing <= 0) return text
  if (flags.includes('-')) return text + ' '.repeat(missing)
  if (!flags.includes('0') || !/[dxXobfFeg]/.test(verb)) return ' '.repeat(missing) + text
  const [, lead = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? []
  return lead + '0'.repeat(missing) + rest
}
