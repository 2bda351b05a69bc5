import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError } from '../../core/errors.ts'
import { joinSignals } from '../../io/join-signals.ts'
import { inspectContainer } from '../../engine/api/containers.ts'
import type { Engine } from '../../engine/engine.ts'
import { describeLastCheck } from './health-words.ts'
import type { Waker } from './wait.ts'

/** A container on trial. */
export interface MonitorTarget {
  readonly id: string
  readonly name: string
  /** Milliseconds it has to run where it has no health check. */
  readonly monitorMs: number
}

/**
 * Waits until a container has proved good: its health check says so, or it has run for a while without one. One that
 * ends by itself with code 0 was to do just that.
 *
 * @throws {compose/execute} when it ends, restarts, turns unhealthy, or does not run at the end of its time
 */
export async function monitorContainer(
  engine: Engine,
  target: MonitorTarget,
  watch: { readonly waker: Waker; readonly clock: Clock },
  o: CallOptions,
): Promise<void> {
  const { waker, clock } = watch
  await waker.ready()
  const endMs = clock.nowMs() + target.monitorMs
  let restarts: number | undefined
  for (;;) {
    const { State: state, RestartCount: count } = await inspectContainer(engine, target.id, {}, o)
    restarts ??= count
    if (state.Restarting || count > restarts) throw failed(target, `restarts: it exited with code ${state.ExitCode}`)
    if (state.Status === 'exited' || state.Status === 'dead') {
      if (state.Status === 'exited' && state.ExitCode === 0) return
      throw failed(target, `exited (${state.ExitCode})`)
    }
    const health = state.Health?.Status ?? 'none'
    if (health === 'healthy') return
    if (health === 'unhealthy') throw failed(target, 'is unhealthy', describeLastCheck(state))
    const leftMs = health === 'none' ? endMs - clock.nowMs() : Number.POSITIVE_INFINITY
    if (leftMs <= 0 && state.Running) return
    // An engine that was started anew may have lost the start, or somebody removes it: nothing would ever come of it.
    if (leftMs <= 0) throw failed(target, `does not run: it is ${state.Status}`)
    await nextLook(target.id, leftMs, watch, o)
    o.signal?.throwIfAborted()
  }
}

/** Until something happens to the container, or its time is over. */
async function nextLook(
  id: string,
  leftMs: number,
  { waker, clock }: { readonly waker: Waker; readonly clock: Clock },
  o: CallOptions,
): Promise<void> {
  const over = new AbortController()
  const signal = joinSignals(o.signal, over.signal)
  const looks = [waker.next(id, signal)]
  if (Number.isFinite(leftMs)) looks.push(clock.sleep(leftMs, signal))
  try {
    await Promise.race(looks)
  } finally {
    over.abort()
    await Promise.allSettled(looks)
  }
}

function failed(target: MonitorTarget, what: string, detail: { readonly hint?: string } = {}): FlotillaError {
  return new FlotillaError('compose/execute', `container ${target.name} ${what}`, detail)
}
