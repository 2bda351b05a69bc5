import type { Context } from '../../cli/command.ts'
import { killContainer, waitContainer } from '../../engine/api/containers.ts'
import type { Engine } from '../../engine/engine.ts'

/** Waits for the end of a container, from a moment on. */
export interface ExitWatch {
  /** Resolves once the engine is watching: what ends after that is not missed. */
  readonly ready: Promise<void>
  /** The exit code. */
  readonly code: Promise<number>
}

/** Engines say at once that they are watching. What stands before an old one may keep that back until the end. */
const readyMs = 2000

/** Starts waiting for the next end of a container, or for its removal where the engine removes it. */
export function watchExit(ctx: Context, engine: Engine, id: string, condition: 'next-exit' | 'removed'): ExitWatch {
  const over = new AbortController()
  let take: () => void = () => {}
  const taken = new Promise<void>((resolve) => {
    take = resolve
  })
  const code = waitContainer(engine, id, { condition, onWatching: take }, { signal: ctx.signal }).then(
    (exit) => exit.StatusCode,
  )
  // Whoever is told first decides what becomes of a failure.
  code.catch(() => take())
  const late = ctx.clock.sleep(readyMs, over.signal).catch(() => {})
  const ready = Promise.race([taken, late]).finally(() => over.abort())
  return { ready, code }
}

/** Hands the signals we are sent on to a container. @returns the way to stop */
export function forwardSignals(ctx: Context, engine: Engine, id: string): () => void {
  const forward = (signal: string): void => {
    // It may have ended meanwhile.
    killContainer(engine, id, { signal }).catch(() => {})
  }
  const releases = [ctx.onInterrupt(forward), ctx.onOtherSignal?.(forward)]
  return () => {
    for (const release of releases) release?.()
  }
}
