import { FlotillaError } from '../core/errors.ts'
import type { ResponseHead } from '../io/http/response-parser.ts'
import { renderEndpoint } from './endpoint-parse.ts'
import type { Endpoint } from './endpoint.ts'
import { compareApiVersions, isApiVersion, newestApiVersion, oldestApiVersion } from './version.ts'

/** Settles which API version is spoken with an engine: the newest that both know. Asks once, however many want to know. */
export class Negotiation {
  readonly #endpoint: Endpoint
  readonly #pinned: string | undefined
  readonly #ask: () => Promise<string | undefined>
  #version: string | undefined
  #asking: Promise<string> | undefined

  /**
   * @param pinned a version that is spoken whatever the engine says
   * @param ask what the engine answers to a ping as its newest version
   */
  constructor(endpoint: Endpoint, pinned: string | undefined, ask: () => Promise<string | undefined>) {
    this.#endpoint = endpoint
    this.#pinned = pinned
    this.#ask = ask
    this.#version = pinned
  }

  /** Undefined until it is settled. */
  get version(): string | undefined {
    return this.#version
  }

  /** @throws {engine/version} when the engine is too old; {engine/protocol} when it names no version */
  settle(): Promise<string> {
    if (this.#version !== undefined) return Promise.resolve(this.#version)
    this.#asking ??= this.#negotiate().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** Engines say with every answer which version they speak: then nobody has to ask for it. */
  learn(head: ResponseHead): void {
    if (this.#version !== undefined || this.#asking !== undefined) return
    const theirs = head.headers['api-version']
    if (theirs === undefined || !isApiVersion(theirs) || compareApiVersions(theirs, oldestApiVersion) < 0) return
    this.#version = toOlder(theirs)
  }

  /** The engine does not speak it any more: it has been exchanged for one of another age. */
  forget(): void {
    this.#version = this.#pinned
  }

  async #negotiate(): Promise<string> {
    // Engines before API 1.25 do not say.
    const theirs = (await this.#ask()) ?? oldestApiVersion
    const name = renderEndpoint(this.#endpoint)
    if (!isApiVersion(theirs)) {
      throw new FlotillaError('engine/protocol', `engine "${name}" names the API version ${JSON.stringify(theirs)}`)
    }
    if (compareApiVersions(theirs, oldestApiVersion) < 0) {
      throw new FlotillaError(
        'engine/version',
        `engine "${name}" speaks API ${theirs}; the oldest version supported is ${oldestApiVersion}`,
      )
    }
    this.#version = toOlder(theirs)
    return this.#version
  }
}

function toOlder(theirs: string): string {
  return compareApiVersions(theirs, newestApiVersion) < 0 ? theirs : newestApiVersion
}
