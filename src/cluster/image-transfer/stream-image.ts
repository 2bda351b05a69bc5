import type { Buffer } from 'node:buffer'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError } from '../../core/errors.ts'
import { escapeImage } from '../../engine/api/call.ts'
import type { Engine } from '../../engine/engine.ts'
import type { CallLimits } from '../limits.ts'
import type { ByteSource } from '../../io/http/request.ts'
import { readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { refuseNames } from './nameless.ts'
import { makeTarSieve } from './tar-sieve.ts'
import type { SieveRules } from './tar-sieve.ts'

/** An engine that packs a large image says nothing until it has. */
const firstByteMs = 15 * 60_000
const healthMs = 5_000

/** One end of a transfer. */
export interface TransferEnd {
  readonly name: string
  readonly engine: Engine
  readonly isHealthy: boolean
  readonly limits: Pick<CallLimits, 'pullIdleSeconds'>
}

export interface StreamOptions {
  readonly source: TransferEnd
  readonly target: TransferEnd
  /** By ID, so that nothing is named before it has been looked at. */
  readonly id: string
  /** `{"os":…}` for one of several systems; from API 1.48 on. */
  readonly platform: string | undefined
  /** What to leave out; absent: nothing. */
  readonly rules: SieveRules | undefined
  readonly clock: Clock
  readonly signal: AbortSignal
}

export interface Streamed {
  /** IDs that the target says it loaded. */
  readonly ids: readonly string[]
  readonly sentBytes: number
}

/**
 * Pipes an image from engine to engine. Holds what the sockets hold and one tar header; the slower end sets the pace.
 *
 * @throws {engine/server} the target's own words
 * @throws {engine/unreachable} when either end went away; nothing is named on the target then
 */
export async function streamImage(options: StreamOptions): Promise<Streamed> {
  const { source, target, id } = options
  const idleMs = source.limits.pullIdleSeconds * 1000
  const stop = new AbortController()
  const follow = (): void => stop.abort(options.signal.reason)
  if (options.signal.aborted) follow()
  options.signal.addEventListener('abort', follow, { once: true })
  void watchHealth(options, stop)
  try {
    const archive = await source.engine.request(
      {
        method: 'GET',
        path: `/images/${escapeImage(id)}/get`,
        query: { platform: options.platform },
        stream: true,
        idleMs,
      },
      { signal: stop.signal, deadlineMs: firstByteMs },
    )
    const upload = new Upload(archive.body as AsyncIterable<Buffer> & { destroy(): unknown }, options.rules)
    try {
      const reply = await target.engine.request(
        { method: 'POST', path: '/images/load', query: { quiet: 1 }, body: upload, stream: true },
        { signal: stop.signal },
      )
      return { ids: await readLoaded(reply.documents<Fields>()), sentBytes: upload.sentBytes }
    } finally {
      upload.destroy()
    }
  } catch (error) {
    throw stop.signal.aborted && !options.signal.aborted ? stop.signal.reason : error
  } finally {
    options.signal.removeEventListener('abort', follow)
    stop.abort(new FlotillaError('core/aborted', `the transfer of ${id} is over`))
  }
}

/** An end that the cluster gives up is waited for no longer. */
async function watchHealth({ source, target, clock }: StreamOptions, stop: AbortController): Promise<void> {
  while (!stop.signal.aborted) {
    await clock.sleep(healthMs, stop.signal).catch(() => undefined)
    const dead = [source, target].find((end) => !end.isHealthy)
    if (dead === undefined || stop.signal.aborted) continue
    stop.abort(new FlotillaError('engine/unreachable', `node ${dead.name} stopped answering`, { status: 502 }))
  }
}

async function readLoaded(documents: AsyncIterable<Fields>): Promise<readonly string[]> {
  const ids: string[] = []
  for await (const line of documents) {
    const problem = readText(line, 'error')
    if (problem !== '') throw new FlotillaError('engine/server', problem)
    const id = /^Loaded image ID: (sha256:[0-9a-f]{64})/.exec(readText(line, 'stream'))?.[1]
    if (id !== undefined) ids.push(id)
  }
  return ids
}

/** The body of the load: the archive, less what is left out; breaks off where the archive names anything. */
class Upload implements ByteSource {
  sentBytes = 0
  readonly #body: AsyncIterable<Buffer> & { destroy(): unknown }
  readonly #rules: SieveRules | undefined

  constructor(body: AsyncIterable<Buffer> & { destroy(): unknown }, rules: SieveRules | undefined) {
    this.#body = body
    this.#rules = rules
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    const sieve = makeTarSieve(refuseNames(this.#rules))
    for await (const chunk of this.#body) {
      for (const piece of sieve.push(chunk)) {
        this.sentBytes += piece.length
        yield piece
      }
    }
    sieve.end()
  }

  destroy(): void {
    this.#body.destroy()
  }
}
