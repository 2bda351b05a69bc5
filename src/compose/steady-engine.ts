import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { isFlotillaError, toMessage } from '../core/errors.ts'
import { inspectContainer, removeContainer } from '../engine/api/containers.ts'
import type { ContainerCreateBody } from '../engine/api/types.ts'
import type { Engine, EngineReply, EngineRequest } from '../engine/engine.ts'
import { lostHeader, repeatOf } from '../engine/repeat.ts'
import { isSource } from '../engine/wire.ts'
import { pauseBeforeAgain } from './view/follow-again.ts'

/**
 * The same engine, which for a fleet goes on at its endpoint when the manager behind it goes: what may be sent again is,
 * for up to a minute, until a manager answers there. On one engine every failure is passed on at once.
 *
 * A container that was being made is looked for by its name first. One that is there, as it was asked for and never
 * started, is removed: a manager that is only frozen would do so later. Without a lock of the project somebody else may
 * have made it a moment before; he is told that it is gone when he starts it.
 */
export function toSteady(engine: Engine, clock: Clock): Engine {
  /** Since when nothing is answered: whoever asks then has no minute of his own. */
  let silentSinceMs: number | undefined

  async function insist<T>(
    isRead: boolean,
    o: CallOptions | undefined,
    ask: (tries: number) => Promise<T>,
  ): Promise<T> {
    const startMs = clock.monotonicMs()
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await ask(tries)
        silentSinceMs = undefined
        return answer
      } catch (error) {
        // As long as a manager takes to find out that the leader hangs and to be sure of the next one.
        const isHang = isRead && tries === 0 && isFlotillaError(error) && error.code === 'engine/timeout'
        if (!isLost(error) && !isHang) {
          silentSinceMs = undefined
          throw error
        }
        // It may be a fleet, and has not come to say so: a balancer has another manager for the next connection.
        if (isRead && tries === 0 && engine.isFleet === undefined && isCutOff(error)) continue
        const nowMs = clock.monotonicMs()
        silentSinceMs ??= nowMs
        const isFleet = engine.isFleet === true
        const sinceMs = Math.min(startMs, silentSinceMs)
        const pauseMs = pauseBeforeAgain({ isFleet, sinceMs, nowMs, tries })
        const isLate = !isHang && nowMs + (pauseMs ?? 0) - startMs >= (o?.deadlineMs ?? Number.POSITIVE_INFINITY)
        if (pauseMs === undefined || isLate) throw error
        await clock.sleep(pauseMs, o?.signal)
      }
    }
  }

  return {
    endpoint: engine.endpoint,
    get isFleet() {
      return engine.isFleet
    },
    apiVersion: (o) => insist(true, o, () => engine.apiVersion(o)),
    hijack: (request, o) => engine.hijack(request, o),
    close: () => engine.close(),
    request(request, o) {
      if (!mayRepeat(request)) return engine.request(request, o)
      const isRead = request.method === 'GET' || request.method === 'HEAD'
      return insist(isRead, o, async (tries) => {
        if (tries === 0) return engine.request(request, o)
        const again = { ...request, headers: { ...request.headers, [lostHeader]: '' } }
        return isCreate(request) ? createAgain(engine, again, clock, o) : engine.request(again, o)
      })
    },
  }
}

/** The connection broke, or there was none: what was answered is no such thing, with an error too. */
function isLost(error: unknown): boolean {
  return isFlotillaError(error) && error.code === 'engine/unreachable' && error.status === undefined
}

function isCutOff(error: unknown): boolean {
  return /connection was closed|connection reset/.test(toMessage(error))
}

function mayRepeat(request: EngineRequest): boolean {
  const { method, path, body } = request
  if (isSource(body)) return false
  return repeatOf(method, path) !== undefined || isCreate(request) || volumeRemoval.test(`${method} ${path}`)
}

/**
 * By name, which the lock of the project keeps. Not the lock itself: the next holder may have made one of that name since,
 * while one that stays is known to belong to nobody.
 */
const volumeRemoval = /^DELETE \/volumes\/(?!(?:[^/]+\/)?flotilla-lock_)/

function isCreate({ method, path, query }: EngineRequest): boolean {
  return method === 'POST' && path === '/containers/create' && typeof query?.['name'] === 'string'
}

/** A manager, or an engine, that was asked first may still be at it: its name is taken before the container shows. */
const lateMs = 10_000
const latePauseMs = 200

async function createAgain(
  engine: Engine,
  request: EngineRequest,
  clock: Clock,
  o: CallOptions | undefined,
): Promise<EngineReply> {
  const endMs = clock.monotonicMs() + lateMs
  for (;;) {
    const isFree = await removeLost(engine, request, o)
    try {
      return await engine.request(request, o)
    } catch (error) {
      const isTaken = isFlotillaError(error) && error.status === 409
      if (!isTaken || !isFree || clock.monotonicMs() >= endMs) throw error
    }
    await clock.sleep(latePauseMs, o?.signal)
  }
}

/** Takes away what came of a create that got no answer. @returns false when the name is somebody else's */
async function removeLost(
  engine: Engine,
  { query, body }: EngineRequest,
  o: CallOptions | undefined,
): Promise<boolean> {
  const labels = Object.entries((body as ContainerCreateBody).Labels ?? {})
  try {
    const { Id: id, State: state, Config: config } = await inspectContainer(engine, String(query?.['name']), {}, o)
    const isSame = labels.length > 0 && labels.every(([name, value]) => config.Labels?.[name] === value)
    if (!isSame || state.Status !== 'created') return false
    await removeContainer(engine, id, { volumes: true }, o)
    return true
  } catch (error) {
    if (!isFlotillaError(error) || error.status !== 404) throw error
    return true
  }
}
