import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { inspectContainer, killContainer, waitContainer } from '../../engine/api/containers.ts'
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

/** An engine says that a container is started once it is: this long after that it is not for a moment only. */
const startMs = 5000

/**
 * Looks once whether a container that the engine said it has started ever was: whoever waits for its end would wait for ever.
 *
 * @param over fires when nobody waits any more
 * @returns rejects if it was not, and never resolves
 */
export async function watchStart(ctx: Context, engine: Engine, id: string, over: AbortSignal): Promise<never> {
  const never = new Promise<never>(() => {})
  // One that the engine has removed, or cannot tell of, is none that waits for its start.
  const state = await ctx.clock
    .sleep(startMs, over)
    .then(() => inspectContainer(engine, id, {}, { signal: over }))
    .catch(() => undefined)
  if (state?.State.Status !== 'created') return never
  const name = state.Name.replace(/^\//, '')
  throw new FlotillaError('compose/execute', `container ${name} was not started, though the engine said so`)
}

/** Signals on their way to a container. */
export interface Forwarding {
  /**
   * Rejects when the user asks for the end often enough: a container that ignores signals must not hold us. Also when
   * nobody reads along any more.
   */
  readonly forced: Promise<never>
  /** Whether SIGINT or SIGTERM was among them; then the line in which the terminal has echoed `^C` is ended. */
  endInterrupted(): boolean
  release(): void
}

/** As docker's client: what was asked for three times is done without the container. */
const patience = 3

/** Hands the signals we are sent on to a container until released. */
export function forwardSignals(ctx: Context, engine: Engine, id: string): Forwarding {
  let force: (error: FlotillaError) => void = () => {}
  const forced = new Promise<never>((_, reject) => {
    force = reject
  })
  forced.catch(() => {})
  const forward = (signal: string): void => {
    // It may have ended meanwhile.
    killContainer(engine, id, { signal }).catch(() => {})
  }
  let isInterrupted = false
  const leave = (): void => force(new FlotillaError('cli/cancelled', 'cancelled'))
  ctx.signal.addEventListener('abort', leave, { once: true })
  const releases = [
    () => ctx.signal.removeEventListener('abort', leave),
    ctx.onInterrupt((signal, count) => {
      isInterrupted = true
      if (count < patience) forward(signal)
      else force(new FlotillaError('cli/cancelled', `got ${patience} SIGTERM/SIGINTs, forcefully exiting`))
    }),
    ctx.onOtherSignal?.(forward),
  ]
  return {
    forced,
    endInterrupted() {
      const { isStderrTty, isStdinTty } = ctx.terminal
      if (isInterrupted && isStderrTty && isStdinTty) ctx.stderr.write('\n')
      return isInterrupted
    },
    release() {
      for (const release of releases) release?.()
    },
  }
}
