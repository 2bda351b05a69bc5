import { Buffer } from 'node:buffer'
import { setImmediate } from 'node:timers/promises'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { parseExactJson, renderPlainJson } from '../../core/exact-json.ts'
import type { JsonValue } from '../../core/exact-json.ts'
import type { ConnectionLimits } from '../limits.ts'

/** Bodies from this size on take milliseconds for each that goes through them. */
const largeBytes = 64 * 1024

/** Of bodies that have been read, while they are kept: access control, the audit log and handlers look at the same one. */
const known = new WeakMap<Buffer, JsonValue>()

/**
 * The JSON of a body, read once however many look at it. Others have had their turn after a large one.
 *
 * @throws {io/protocol} status 400
 */
export async function parseBody(
  bytes: Buffer,
  { jsonDepth, jsonValues }: Pick<ConnectionLimits, 'jsonDepth' | 'jsonValues'>,
): Promise<JsonValue> {
  const before = known.get(bytes)
  if (before !== undefined) return before
  let value: JsonValue
  try {
    value = parseExactJson(bytes.toString('utf8'), jsonDepth, jsonValues)
  } catch (error) {
    throw new FlotillaError('io/protocol', `invalid request body: ${toMessage(error)}`, { status: 400, cause: error })
  }
  known.set(bytes, value)
  await giveTurn(bytes)
  return value
}

/** A body written anew: whoever looks at it next need not read it. */
export function renderBody(value: JsonValue): Buffer {
  const bytes = Buffer.from(renderPlainJson(value))
  known.set(bytes, value)
  return bytes
}

/** Lets others have their turn where the body is large: to be asked between two goes through it. */
export async function giveTurn(bytes: Buffer): Promise<void> {
  if (bytes.length >= largeBytes) await setImmediate()
}
