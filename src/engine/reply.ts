import type { Buffer } from 'node:buffer'
import type { Readable } from 'node:stream'
import type { HttpResponse } from '../io/http/connection.ts'
import type { Endpoint } from './endpoint.ts'
import type { EngineReply } from './engine.ts'
import { invalidAnswer, toEngineError } from './errors.ts'
import { largeBytes, parseLargeJson } from './large-json.ts'
import { findMisfit } from './shape.ts'
import { makeDocumentReader, makeNestingGuard, maxJsonDepth, parseJsonBody } from './json-documents.ts'

/** What is accepted of one answer that is read as a whole. */
export interface AnswerLimits {
  readonly bytes: number
  readonly depth: number
}

export const defaultAnswerLimits: AnswerLimits = { bytes: 256 * 1024 * 1024, depth: maxJsonDepth }

/** The JSON value of a whole body. @throws {engine/protocol} naming the endpoint */
export function parseWholeJson(endpoint: Endpoint, body: Buffer, limits: AnswerLimits): unknown {
  try {
    makeNestingGuard(limits.depth)(body)
    return parseJsonBody(body)
  } catch (error) {
    throw invalidAnswer(endpoint, error)
  }
}

/** As `parseWholeJson`; others have their turn while it is large. */
export async function parseInTurn(endpoint: Endpoint, body: Buffer, limits: AnswerLimits): Promise<unknown> {
  if (body.length < largeBytes) return parseWholeJson(endpoint, body, limits)
  try {
    return await parseLargeJson(body, limits.depth)
  } catch (error) {
    throw invalidAnswer(endpoint, error)
  }
}

/** Dresses an HTTP answer as an engine's. Failures of its body name the endpoint. */
export function makeReply(endpoint: Endpoint, response: HttpResponse, limits: AnswerLimits): EngineReply {
  const { head, body } = response
  body.translateErrors((error) => toEngineError(endpoint, error))

  async function bytes(): Promise<Buffer> {
    return body.collect(limits.bytes)
  }
  async function* documents<T>(): AsyncGenerator<T, void> {
    const reader = makeDocumentReader(limits.depth)
    function parse(read: () => readonly unknown[]): readonly T[] {
      try {
        const found = read()
        const misfit = findMisfit(found, { listOf: {} })
        if (misfit !== undefined) throw new Error(`its stream has a line of another kind: ${misfit}`)
        return found as readonly T[]
      } catch (error) {
        throw invalidAnswer(endpoint, error)
      }
    }
    for await (const chunk of body.chunks()) yield* parse(() => reader.push(chunk))
    yield* parse(() => reader.end())
  }
  return {
    status: head.status,
    headers: head.headers,
    get body(): Readable {
      return body.stream
    },
    bytes,
    documents,
    async text() {
      const whole = await bytes()
      return whole.toString('utf8')
    },
    async json<T>() {
      const guard = makeNestingGuard(limits.depth)
      const whole = await body.collect(limits.bytes, (chunk) => {
        try {
          guard(chunk)
        } catch (error) {
          throw invalidAnswer(endpoint, error)
        }
      })
      try {
        return (whole.length < largeBytes ? parseJsonBody(whole) : await parseLargeJson(whole, limits.depth)) as T
      } catch (error) {
        throw invalidAnswer(endpoint, error)
      }
    },
  }
}
