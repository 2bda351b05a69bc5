/**
 * Go durations with two more units, `d` (24 hours) and `w` (7 days): `1d2h`, `1.5s`, `100us`.
 *
 * @returns nanoseconds, or Go's words for what is wrong
 */
export function parseDuration(text: string): number | { readonly reason: string } {
  const quoted = JSON.stringify(text)
  const body = text.replace(/^[-+]/, '')
  if (body === '0') return 0
  if (body === '') return { reason: `time: invalid duration ${quoted}` }
  let total = 0
  let at = 0
  while (at < body.length) {
    const number = /^(?:\d+\.?\d*|\.\d+)/.exec(body.slice(at, at + 40))?.[0]
    if (number === undefined) return { reason: `time: invalid duration ${quoted}` }
    at += number.length
    const unit = /^[^\d.]+/.exec(body.slice(at, at + 40))?.[0]
    if (unit === undefined) return { reason: `time: missing unit in duration ${quoted}` }
    const scale = unitNs.get(unit)
    if (scale === undefined) return { reason: `time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}` }
    total += scaleNumber(number, scale)
    at += unit.length
  }
  if (total >= 2 ** 63) return { reason: `time: invalid duration ${quoted}` }
  return text.startsWith('-') ? -total : total
}

/** The fraction is cut to whole nanoseconds, as Go does; taken by itself it keeps `0.29s` exact. */
function scaleNumber(number: string, scale: number): number {
  const [whole = '', fraction = ''] = number.split('.')
  return Number(whole) * scale + (fraction === '' ? 0 : Math.trunc(Number(fraction) * (scale / 10 ** fraction.length)))
}

const second = 1e9

const unitNs: ReadonlyMap<string, number> = new Map([
  ['ns', 1],
  ['us', 1e3],
  ['µs', 1e3],
  ['μs', 1e3],
  ['ms', 1e6],
  ['s', second],
  ['m', 60 * second],
  ['h', 3600 * second],
  ['d', 86_400 * second],
  ['w', 604_800 * second],
])
