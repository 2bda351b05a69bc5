import { Buffer } from 'node:buffer'
import { GrpcError } from '../../io/h2/grpc.ts'

/** Where in a file of a build, mostly its Dockerfile, the builder saw what was wrong. Lines count from one. */
export interface BuildSource {
  readonly file: string
  readonly lines: readonly string[]
  readonly marked: readonly number[]
}

/** moby/buildkit solver/errdefs: JSON as the name says, the text of the file in base64. */
const sourceType = /\berrdefs\.Source\+json$/
const maxMarked = 1000

/**
 * What the builder's refusal says of its place.
 *
 * @param error of a build; the refusal is it, or its cause
 * @returns undefined when it says nothing, or nothing of use
 */
export function findSource(error: unknown): BuildSource | undefined {
  const refusal = error instanceof Error && !(error instanceof GrpcError) ? error.cause : error
  if (!(refusal instanceof GrpcError)) return undefined
  for (const { type, value } of refusal.details) {
    const source = sourceType.test(type) ? readSource(value) : undefined
    if (source !== undefined) return source
  }
  return undefined
}

function readSource(value: Buffer): BuildSource | undefined {
  let read: unknown
  try {
    read = JSON.parse(value.toString('utf8'))
  } catch {
    return undefined
  }
  const info = memberOf(read, 'info')
  const file = memberOf(info, 'filename')
  const data = memberOf(info, 'data')
  const ranges = memberOf(read, 'ranges')
  if (typeof file !== 'string' || typeof data !== 'string' || !Array.isArray(ranges)) return undefined
  const lines = Buffer.from(data, 'base64').toString('utf8').split(/\r?\n/)
  const marked = new Set<number>()
  for (const range of ranges) {
    const first = memberOf(memberOf(range, 'start'), 'line')
    const last = memberOf(memberOf(range, 'end'), 'line')
    if (typeof first !== 'number' || typeof last !== 'number') continue
    for (let line = Math.max(1, first); line <= Math.min(last, lines.length); line += 1) marked.add(line)
    if (marked.size > maxMarked) return undefined
  }
  return marked.size === 0 ? undefined : { file, lines, marked: [...marked].sort((a, b) => a - b) }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
