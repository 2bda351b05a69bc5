import { Buffer } from 'node:buffer'
import { FlotillaError } from '../core/errors.ts'

/** Deepest nesting accepted from an engine, unless told otherwise. */
export const maxJsonDepth = 128
const maxDocumentBytes = 64 * 1024 * 1024

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const NEWLINE = 0x0a
const SPACE = 0x20
const COMMA = 0x2c
const COLON = 0x3a

/** Finds where JSON documents end without parsing them; fed with chunks of any size. */
export interface JsonScanner {
  /** Offset after the document that ends in `chunk` at or after `from`, or -1. */
  scan(chunk: Buffer, from: number): number
}

/** @param outer levels around what it is fed with */
export function makeScanner(maxDepth: number, outer = 0): JsonScanner {
  let depth = 0
  let isInString = false
  /** The last chunk ended with a backslash inside a string. */
  let isEscaped = false
  /** A bare number, string or literal at the top has begun; it ends with its line. */
  let isScalar = false

  /** The offset after the string that `at` is in, or the end of the chunk. Every byte of an answer passes here or below. */
  function skipString(chunk: Buffer, from: number): number {
    let at = isEscaped ? from + 1 : from
    isEscaped = false
    for (const end = chunk.length; at < end; at += 1) {
      const byte = chunk[at]
      if (byte === QUOTE) {
        isInString = false
        return at + 1
      }
      if (byte === BACKSLASH) at += 1
    }
    isEscaped = at > chunk.length
    return chunk.length
  }

  /** Takes note of a byte outside strings. True when it ends a document. */
  function isLast(byte: number): boolean {
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1
      if (depth + outer > maxDepth) {
        throw new FlotillaError('engine/protocol', `the answer nests deeper than ${maxDepth} levels`)
      }
      return false
    }
    if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      // An unbalanced close is left to the parser, which names it.
      depth = Math.max(depth - 1, 0)
      if (depth === 0) isScalar = false
      return depth === 0
    }
    if (depth > 0) return false
    if (byte === NEWLINE && isScalar) {
      isScalar = false
      return true
    }
    if (byte > SPACE) isScalar = true
    return false
  }

  function scan(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length;) {
      if (isInString) {
        at = skipString(chunk, at)
        continue
      }
      const byte = chunk[at] ?? SPACE
      at += 1
      if (byte === QUOTE) {
        isInString = true
        if (depth === 0) isScalar = true
      } else if (byte !== COMMA && byte !== COLON && isLast(byte)) return at
    }
    return -1
  }
  return { scan }
}

/** Cuts a stream of JSON documents, newline separated or back to back, into parsed values. */
export interface DocumentReader {
  /** @throws {engine/protocol} for text that is not JSON, too deep or too long */
  push(chunk: Buffer): readonly unknown[]
  /** @throws {engine/protocol} when the stream ended inside a document */
  end(): readonly unknown[]
}

/** A reader at the start of a stream. */
export function makeDocumentReader(maxDepth: number = maxJsonDepth): DocumentReader {
  const scanner = makeScanner(maxDepth)
  let pending: Buffer[] = []
  let pendingBytes = 0

  function finish(last: Buffer): unknown[] {
    const whole = pending.length === 0 ? last : Buffer.concat([...pending, last])
    pending = []
    pendingBytes = 0
    const text = whole.toString('utf8').trim()
    return text === '' ? [] : [parseJson(text)]
  }

  return {
    push(chunk) {
      const out: unknown[] = []
      let at = 0
      for (let end = scanner.scan(chunk, 0); end !== -1; end = scanner.scan(chunk, end)) {
        out.push(...finish(chunk.subarray(at, end)))
        at = end
      }
      if (at === chunk.length) return out
      pending.push(chunk.subarray(at))
      pendingBytes += chunk.length - at
      if (pendingBytes > maxDocumentBytes) {
        throw new FlotillaError('engine/protocol', `one JSON document is larger than ${maxDocumentBytes} bytes`)
      }
      return out
    },
    end() {
      return finish(Buffer.alloc(0))
    },
  }
}

/** Refuses deep nesting as the chunks of a body arrive. @throws {engine/protocol} */
export function makeNestingGuard(maxDepth: number = maxJsonDepth): (chunk: Buffer) => void {
  const scanner = makeScanner(maxDepth)
  return (chunk) => {
    for (let end = scanner.scan(chunk, 0); end !== -1; end = scanner.scan(chunk, end));
  }
}

/** Parses a whole body that a nesting guard has seen. @throws {engine/protocol} */
export function parseJsonBody(body: Buffer): unknown {
  return parseJson(body.toString('utf8'))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new FlotillaError('engine/protocol', `the answer is not JSON: ${describeText(text)}`, { cause: error })
  }
}

/** The start of a text for an error message: one line, no control characters. */
export function describeText(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').trim()
  if (line === '') return 'it is empty'
  return line.length > 120 ? `${JSON.stringify(line.slice(0, 120))}…` : JSON.stringify(line)
}
