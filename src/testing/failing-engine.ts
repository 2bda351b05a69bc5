import { FlotillaError } from '../core/errors.ts'
import type { Engine, EngineRequest } from '../engine/engine.ts'

/** What becomes of one call of a program that changes something. */
export type CallFailure =
  /** The engine refuses it. */
  | 'refused'
  /** It is carried out, and the connection ends before the answer. */
  | 'lost'
  /** The program is cancelled before, or once it is carried out. */
  | 'cancelled'
  | 'cancelled late'
  /** The program is killed before, or once it is carried out: nothing follows. */
  | 'killed'
  | 'killed late'

/** An engine as a program sees it that has bad luck. */
export interface FailingEngine {
  readonly engine: Engine
  /** Fires where the program is cancelled. */
  readonly signal: AbortSignal
  /** The calls that change something, `POST /containers/ID/stop`, the one that fails last but for those of a way back. */
  readonly calls: readonly string[]
  /** The call that failed; undefined as long as it has not come so far. */
  readonly failed: () => string | undefined
}

/** @param at which of the calls that change something fails, from 1 */
export function failAtCall(engine: Engine, at: number, failure: CallFailure): FailingEngine {
  const calls: string[] = []
  const ending = new AbortController()
  let isDead = false
  async function request(r: EngineRequest, o?: Parameters<Engine['request']>[1]) {
    if (isDead) throw new FlotillaError('engine/unreachable', 'the program is dead')
    const isChange = r.method !== 'GET' && r.method !== 'HEAD'
    if (isChange) calls.push(`${r.method} ${r.path}`)
    if (!isChange || calls.length !== at) return engine.request(r, o)
    if (failure === 'refused') throw new FlotillaError('engine/server', 'no', { status: 500 })
    if (failure === 'lost' || failure.endsWith('late')) await engine.request(r)
    if (failure === 'lost') throw new FlotillaError('engine/unreachable', 'the connection has ended')
    if (failure.startsWith('killed')) isDead = true
    ending.abort()
    throw new FlotillaError('core/aborted', 'cancelled')
  }
  return {
    engine: {
      endpoint: engine.endpoint,
      request,
      apiVersion: (o) => engine.apiVersion(o),
      hijack: (r, o) => engine.hijack(r, o),
      close: () => engine.close(),
    },
    signal: ending.signal,
    calls,
    failed: () => calls[at - 1],
  }
}
