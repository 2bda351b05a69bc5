import { FlotillaError } from './errors.ts'
import { parseGoFloat } from './go-float.ts'

const decimalUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB']
const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB']

/** Writes bytes in powers of 1000 as docker prints image sizes: three digits, `7.66MB`. */
export function renderDecimalSize(bytes: number, digits = 3): string {
  return renderSize(bytes, 1000, decimalUnits, digits)
}

/** Writes bytes in powers of 1024 as docker prints memory: four digits, `1.952GiB`. */
export function renderBinarySize(bytes: number, digits = 4): string {
  return renderSize(bytes, 1024, binaryUnits, digits)
}

function renderSize(bytes: number, base: number, units: readonly string[], digits: number): string {
  let value = bytes
  let index = 0
  while (value >= base && index < units.length - 1) {
    value /= base
    index += 1
  }
  return `${renderSignificant(value, digits)}${units[index]}`
}

/** Go's `%.Ng`: at most N significant digits, no trailing zeros, an exponent when N digits do not reach. */
function renderSignificant(value: number, digits: number): string {
  const [mantissa = '0', exponentText = '0'] = value.toExponential(digits - 1).split('e')
  const exponent = Number(exponentText)
  if (exponent < -4 || exponent >= digits) {
    const sign = exponent < 0 ? '-' : '+'
    return `${Number(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`
  }
  return String(Number(value.toPrecision(digits)))
}

/**
 * Reads a size in powers of 1024, as docker reads memory and volume limits: `512`, `64k`, `1.5g`, `2GiB`.
 *
 * @returns whole bytes
 * @throws {core/invalid-size}
 */
export function parseBinarySize(text: string): number {
  // go-units: the number ends at the last digit, point or blank; a suffix of up to three letters may follow.
  const end = text.search(/[0-9. ][^0-9. ]*$/)
  const digits = text.slice(0, text[end] === ' ' ? end : end + 1)
  const number = parseGoFloat(digits)
  if (end >= 0 && typeof number === 'string') {
    throw new FlotillaError('core/invalid-size', `strconv.ParseFloat: parsing ${JSON.stringify(digits)}: ${number}`)
  }
  if (end < 0 || typeof number !== 'number' || number < 0) {
    throw new FlotillaError('core/invalid-size', `invalid size: '${text}'`)
  }
  const suffix = text.slice(end + 1).toLowerCase()
  const power = suffix === '' || suffix === 'b' ? 0 : 'kmgtp'.indexOf(suffix.charAt(0)) + 1
  const isKnown = suffix === '' || suffix === 'b' || (power > 0 && /^.(?:i?b)?$/.test(suffix))
  if (!isKnown) throw new FlotillaError('core/invalid-size', `invalid suffix: '${text.slice(end + 1)}'`)
  const bytes = Math.trunc(number * 1024 ** power)
  if (bytes > Number.MAX_SAFE_INTEGER) throw new FlotillaError('core/invalid-size', `invalid size: '${text}'`)
  return bytes
}
