import { FlotillaError } from './errors.ts'
import { goQuote } from './goquote.ts'

const nanosecondsPer: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['µs', 1_000n],
  ['μs', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
])

const maxNanoseconds = 2n ** 63n

/**
 * Reads a Go duration: decimals with units `ns us µs ms s m h`, signed, `0` alone allowed.
 *
 * @returns nanoseconds, exact
 * @throws {core/invalid-duration} with Go's own text
 */
export function parseDurationNs(text: string): bigint {
  const isNegative = text.startsWith('-')
  const body = /^[-+]/.test(text) ? text.slice(1) : text
  if (body === '0') return 0n
  if (body === '') throw invalid(`invalid duration ${goQuote(text)}`)
  let total = 0n
  let rest = body
  while (rest !== '') {
    const number = /^(\d*)(?:\.(\d*))?/.exec(rest)
    const whole = number?.[1] ?? ''
    const fraction = number?.[2] ?? ''
    if (whole === '' && fraction === '') throw invalid(`invalid duration ${goQuote(text)}`)
    rest = rest.slice(number?.[0].length)
    const unit = /^[^.0-9]+/.exec(rest)?.[0] ?? ''
    if (unit === '') throw invalid(`missing unit in duration ${goQuote(text)}`)
    const scale = nanosecondsPer.get(unit)
    if (scale === undefined) throw invalid(`unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`)
    // More digits than nanoseconds have change nothing; cutting them bounds the work.
    const digits = fraction.slice(0, 18)
    if (whole.replace(/^0+/, '').length > 19) throw invalid(`invalid duration ${goQuote(text)}`)
    total += BigInt(whole === '' ? '0' : whole) * scale
    if (digits !== '') total += (BigInt(digits) * scale) / 10n ** BigInt(digits.length)
    if (total > maxNanoseconds || (total === maxNanoseconds && !isNegative)) {
      throw invalid(`invalid duration ${goQuote(text)}`)
    }
    rest = rest.slice(unit.length)
  }
  return isNegative ? -total : total
}

/**
 * Reads a Go duration as milliseconds, with a fraction for what is shorter.
 *
 * @throws {core/invalid-duration} with Go's own text
 */
export function parseDurationMs(text: string): number {
  return Number(parseDurationNs(text)) / 1e6
}

/** Writes nanoseconds as Go does: `1m30s`, `1.5s`, `100ms`, `0s`. */
export function renderDurationNs(nanoseconds: bigint): string {
  if (nanoseconds < 0n) return `-${renderDurationNs(-nanoseconds)}`
  if (nanoseconds === 0n) return '0s'
  if (nanoseconds < 1_000n) return `${nanoseconds}ns`
  if (nanoseconds < 1_000_000n) return `${decimal(nanoseconds, 1_000n)}µs`
  if (nanoseconds < 1_000_000_000n) return `${decimal(nanoseconds, 1_000_000n)}ms`
  const minutes = nanoseconds / 60_000_000_000n
  const seconds = decimal(nanoseconds % 60_000_000_000n, 1_000_000_000n)
  if (minutes === 0n) return `${seconds}s`
  if (minutes < 60n) return `${minutes}m${seconds}s`
  return `${minutes / 60n}h${minutes % 60n}m${seconds}s`
}

/** Writes milliseconds as Go writes a duration. */
export function renderDurationMs(milliseconds: number): string {
  return renderDurationNs(BigInt(Math.round(milliseconds * 1e6)))
}

/**
 * Says how long something took or has been, as docker prints it: `Less than a second`, `3 minutes`,
 * `About an hour`. Docker adds ` ago` itself.
 */
export function renderHumanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < 60) return `${seconds} seconds`
  const minutes = Math.trunc(seconds / 60)
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.trunc(milliseconds / 3_600_000 + 0.5)
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 14) return `${Math.trunc(hours / 24)} days`
  if (hours < 24 * 60) return `${Math.trunc(hours / 24 / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`
  return `${Math.trunc(milliseconds / 3_600_000 / 24 / 365)} years`
}

function decimal(value: bigint, scale: bigint): string {
  const fraction = (value % scale)
    .toString()
    .padStart(scale.toString().length - 1, '0')
    .replace(/0+$/, '')
  return fraction === '' ? `${value / scale}` : `${value / scale}.${fraction}`
}

function invalid(text: string): FlotillaError {
  return new FlotillaError('core/invalid-duration', `time: ${text}`)
}
