/** Why a text is no number, in the words of Go's `strconv`. */
export type FloatFault = 'invalid syntax' | 'value out of range'

/**
 * Reads a text as Go's `strconv.ParseFloat` does: `1.5`, `1e3`, `1_000`, `0x1p-2`.
 *
 * Not-a-number and the infinities, which Go takes by their names, are refused: no setting means anything by them.
 */
export function parseGoFloat(text: string): number | FloatFault {
  if (!hasUnderscoresInPlace(text)) return 'invalid syntax'
  const digits = text.replaceAll('_', '')
  const value = /^[-+]?0[xX]/.test(digits) ? parseHexadecimal(digits) : parseDecimal(digits)
  if (value === undefined) return 'invalid syntax'
  return Number.isFinite(value) ? value : 'value out of range'
}

/** One underscore at a time, between two digits or behind `0x`. */
function hasUnderscoresInPlace(text: string): boolean {
  const isHexadecimal = /^[-+]?0[xX]/.test(text)
  return isHexadecimal ? !/(?<![0-9a-fA-FxX])_|_(?![0-9a-fA-F])/.test(text) : !/(?<![0-9])_|_(?![0-9])/.test(text)
}

function parseDecimal(digits: string): number | undefined {
  return /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(digits) ? Number(digits) : undefined
}

/** The exponent, of two, cannot be left out. */
function parseHexadecimal(digits: string): number | undefined {
  const match = /^([-+]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([-+]?\d+)$/.exec(digits)
  if (match === null) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = ''] = match
  if (whole + fraction === '') return undefined
  const mantissa = Number.parseInt(whole + fraction, 16)
  const size = mantissa === 0 ? 0 : mantissa * 2 ** (Number(exponent) - 4 * fraction.length)
  return sign === '-' ? -size : size
}
