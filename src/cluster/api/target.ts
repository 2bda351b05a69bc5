import { FlotillaError } from '../../core/errors.ts'
import { maskThoroughly } from '../../core/mask.ts'

/** A request target in its one canonical form: what routes are looked up by is what engines are sent. */
export interface Target {
  /** `1.41`, or undefined when the path has no version. */
  readonly version: string | undefined
  /** Decoded, without the version. */
  readonly path: string
  /** As given, without the question mark. */
  readonly query: string
}

const plain = /^\/[A-Za-z0-9_\-:@+~,=/.]*$/
const versioned = /^\/v([0-9]{1,3}\.[0-9]{1,3})(?=\/|$)/
const oddVersion = /^\/v[0-9]/
const absolute = /^https?:\/\/[^/?#]*/i

/**
 * Splits and decodes a request target, once.
 *
 * Whatever two readers could understand differently is refused: empty and dot segments, encoded control
 * characters, broken escapes, bytes outside ASCII.
 * @throws {io/protocol} status 400
 */
export function parseTarget(target: string): Target {
  const origin = target.startsWith('/') ? target : target.replace(absolute, '')
  const mark = origin.indexOf('?')
  const rawPath = mark < 0 ? origin : origin.slice(0, mark)
  const query = mark < 0 ? '' : origin.slice(mark + 1)
  if (query.includes('#') || /[^\x21-\x7e]/.test(query)) throw bad('malformed query')
  const full = plain.test(rawPath) ? rawPath : decodePath(rawPath)
  if (full.includes('//') || /\/\.{1,2}(?:\/|$)/.test(full)) throw bad('ambiguous path')
  const match = oddVersion.test(full) ? versioned.exec(full) : undefined
  if (match === null) throw bad('malformed API version in path')
  if (match === undefined) return { version: undefined, path: full, query }
  const path = full.slice(match[0].length)
  return { version: match[1], path: path === '' ? '/' : path, query }
}

function decodePath(path: string): string {
  if (!path.startsWith('/') || /[^\x21-\x7e]|[#"<>\\^`{|}]/.test(path)) throw bad('malformed path')
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    throw bad('malformed escape in path')
  }
  if (/[\0-\x1f\x7f]/.test(decoded)) throw bad('control character in path')
  return decoded
}

/** A decoded path as it goes on the wire; slashes stay. */
export function renderPath(path: string): string {
  if (plain.test(path)) return path
  return encodeURI(path).replaceAll('#', '%23').replaceAll('?', '%3F')
}

function bad(message: string): FlotillaError {
  return new FlotillaError('io/protocol', message, { status: 400 })
}

/** Characters of a path in the log. */
const longestLogged = 1024

/** What a log says of a request's target: queries hold secrets, as the arguments of builds. */
export function renderForLog(target: string): string {
  return maskThoroughly(target.split('?', 1)[0] ?? '').slice(0, longestLogged)
}
