import { toCall } from '../core/call.ts'
import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../core/errors.ts'
import type { Progress, ProgressEvent } from '../core/progress.ts'
import type { Engine } from '../engine/engine.ts'
import { failpoint } from '../io/failpoint.ts'
import { describeFailure, describeWaived, toFailure } from './execute/failure.ts'
import type { StepFailure } from './execute/failure.ts'
import type { BuildHost } from './build/build-image.ts'
import type { HookOutput } from './execute/hook.ts'
import { resolveRef, runStep } from './execute/step.ts'
import type { StepContext } from './execute/step.ts'
import { makeWaker } from './execute/wait.ts'
import type { Materials } from './model/material.ts'
import { isChange } from './pace.ts'
import { findOwed } from './plan/owed.ts'
import { containerOf, isStepOutOfReach } from './plan/plan.ts'
import type { Rollout } from './plan/rollout/rollout.ts'
import type { Plan, Step, StepOp } from './plan/plan.ts'
import { StepFrontier } from './plan/step-frontier.ts'

/** A container about to be started. */
export interface StartedContainer {
  readonly id: string
  readonly name: string
  readonly service: string
}

/** How a plan is carried out. */
export interface ExecuteOptions extends CallOptions {
  readonly clock: Clock
  readonly progress: Progress
  /** Most engine calls at once; waits do not count. `Infinity` for no limit. */
  readonly parallel: number
  /** Most containers changed at once, see `isChange`, asked before each; absent: as many as calls. */
  readonly changing?: () => number
  /** Longest wait for what a service depends on, milliseconds; absent: as long as its own check takes. */
  readonly waitLimitMs?: number
  /** Awaited before a container is started, so that none of its output is missed. */
  readonly beforeStart?: (container: StartedContainer) => Promise<void>
  /** Ends starts that are under way, in place of `signal`: an engine goes on with them, and whoever stops what runs must see it. */
  readonly startSignal?: AbortSignal
  /** Contents of the configs and secrets that steps copy. */
  readonly materials?: Materials
  /** Told what hooks print. Absent: only a hook that fails shows its last lines, in the error. */
  readonly hookOutput?: (output: HookOutput) => void
  /** The ready `X-Registry-Auth` value for an image reference. */
  readonly registryAuth?: (reference: string) => Promise<string | undefined>
  /** Needed by plans that build. */
  readonly buildHost?: BuildHost
  /** Told how a step failed that need not succeed. */
  readonly onWaived?: (step: Step, failure: FlotillaError) => void
  /** Told each name an image was built under. */
  readonly onBuilt?: (reference: string, imageId: string) => void
}

/**
 * Carries out a plan: every step whose `after` is done, at most `parallel` at once. Holds no decisions.
 *
 * After the first failure of a step that is not best effort nothing more is begun, but for what brings back containers that
 * were stopped, or their successors (`findOwed`); what is under way is awaited, what cannot come to its end is made up for
 * (`planBringBack`), exchanges of a rollout that are under way are taken back, then all failures are reported together. Those on a
 * node that does not answer end only what follows on them.
 *
 * @returns the IDs of the containers made, by the name they were made with
 * @throws {compose/execute}
 * @throws {core/aborted} when the signal ended it and no step failed
 */
export async function execute(plan: Plan, engine: Engine, o: ExecuteOptions): Promise<ReadonlyMap<string, string>> {
  const walk = new Walk(plan, engine, o)
  await walk.run()
  if (walk.failures.length > 0) {
    const { failures } = walk
    const { rollouts } = plan
    if (walk.isEnding && o.signal?.aborted !== true) {
      const { prepareBringBack } = await import('./execute/bring-back.ts')
      const back = await prepareBringBack(engine, plan, walk, o)
      if (back.steps.length > 0) await new Walk(back, engine, o).run()
    }
    if (!walk.isEnding || rollouts === undefined || o.signal?.aborted === true) throw toFailure(failures)
    const { takeBack } = await import('./execute/take-back.ts')
    const { clock } = o
    const run = async (steps: Plan): Promise<Pick<Walk, 'failures' | 'waived'>> => {
      const back = new Walk(steps, engine, o)
      await back.run()
      return back
    }
    throw await takeBack({ engine, clock, rollouts, progress: walk, failures, run, ...toCall(o) })
  }
  if (walk.hasStepsLeft()) throw new FlotillaError('core/aborted', 'cancelled', { cause: o.signal?.reason })
  return walk.names
}

/** One pass over the graph of a plan. */
class Walk {
  readonly failures: StepFailure[] = []
  /** Those of steps that need not succeed. */
  readonly waived: StepFailure[] = []
  readonly names = new Map<string, string>()
  readonly begun = new Set<number>()
  readonly done = new Set<number>()
  readonly made = new Map<number, string>()
  /** Something failed for which the others do not go on. */
  isEnding = false
  readonly #rollouts: readonly Rollout[]
  /** Service → its containers whose exchange failed. */
  readonly #failedTrials = new Map<string, Set<string>>()
  readonly #options: ExecuteOptions
  readonly #context: StepContext
  readonly #frontier: StepFrontier
  readonly #ready: Step[]
  readonly #steps: readonly Step[]
  #left: number
  #running = 0
  #calls = 0
  /** Containers that are being made or started. */
  #changing = 0
  #finish: () => void = () => {}

  constructor(plan: Plan, engine: Engine, o: ExecuteOptions) {
    const { registryAuth, progress, hookOutput, materials, buildHost, onBuilt, waitLimitMs } = o
    this.#options = o
    this.#rollouts = plan.rollouts ?? []
    this.#steps = plan.steps
    this.#left = plan.steps.length
    this.#context = {
      engine,
      progress,
      made: this.made,
      waker: makeWaker(engine, o.clock, o),
      clock: o.clock,
      ...(waitLimitMs !== undefined && { waitLimitMs }),
      ...(registryAuth !== undefined && { registryAuth }),
      ...(hookOutput !== undefined && { hookOutput }),
      ...(materials !== undefined && { materials }),
      ...(buildHost !== undefined && { buildHost }),
      ...(onBuilt !== undefined && { onBuilt }),
    }
    this.#frontier = new StepFrontier(plan.steps)
    this.#ready = [...this.#frontier.first]
  }

  hasStepsLeft(): boolean {
    return this.#left > 0
  }

  async run(): Promise<void> {
    try {
      await new Promise<void>((resolve) => {
        this.#finish = resolve
        this.#pump()
      })
    } finally {
      this.#context.waker.stop()
    }
  }

  /** Begins what may begin; ends the run when nothing is under way. */
  #pump(): void {
    while (this.#options.signal?.aborted !== true) {
      const step = this.#takeReady()
      if (step === undefined) break
      const cost = isLong(step) ? 0 : 1
      const change = isChange(step.op) ? 1 : 0
      this.begun.add(step.id)
      this.#running += 1
      this.#calls += cost
      this.#changing += change
      this.#left -= 1
      void this.#perform(step).finally(() => {
        this.#running -= 1
        this.#calls -= cost
        this.#changing -= change
        this.#pump()
      })
    }
    if (this.#running === 0) this.#finish()
  }

  #takeReady(): Step | undefined {
    const { parallel, changing } = this.#options
    const isFree = this.#calls < parallel
    const owed = this.isEnding ? this.#findOwed() : undefined
    const mayChange = this.#changing < (changing?.() ?? parallel)
    const index = this.#ready.findIndex(
      (step) => (owed?.has(step.id) ?? true) && (isLong(step) || (isFree && (mayChange || !isChange(step.op)))),
    )
    return index === -1 ? undefined : this.#ready.splice(index, 1)[0]
  }

  #findOwed(): ReadonlySet<number> {
    return findOwed(this.#steps, this.begun, new Set(this.failures.map(({ step }) => step.id)))
  }

  async #perform(step: Step): Promise<void> {
    const { progress, beforeStart } = this.#options
    report(step, 'working', progress)
    try {
      if (step.op.kind === 'start-container') {
        const { container } = step.op
        await beforeStart?.({ id: resolveRef(container, this.made), name: container.name, service: step.group ?? '' })
      }
      await failpoint('compose.beforeStep')
      const id = await runStep(step, this.#context, this.#callOf(step))
      await failpoint('compose.afterStep')
      if (id !== undefined) {
        this.made.set(step.id, id)
        this.names.set(containerOf(step.op) ?? '', id)
      }
      report(step, 'done', progress)
    } catch (error) {
      if (this.#options.signal?.aborted === true && isAbort(error)) {
        // Not done, and nothing that failed.
        this.#left += 1
        return
      }
      if (!this.#isTolerated(step, error) && !isSettled(step, error, progress)) {
        this.failures.push({ step, error })
        this.isEnding ||= !isStepOutOfReach(step)
        return
      }
      if (step.bestEffort === true) {
        this.waived.push({ step, error })
        this.#options.onWaived?.(step, toFailure([{ step, error }]))
      }
    }
    this.done.add(step.id)
    this.#ready.push(...this.#frontier.finish(step))
  }

  /** @throws the reason of the signal, for a start that is not to be begun any more */
  #callOf({ op }: Step): CallOptions {
    const { signal, startSignal } = this.#options
    if (op.kind !== 'start-container' || startSignal === undefined) return toCall(this.#options)
    signal?.throwIfAborted()
    return { signal: startSignal }
  }

  /** Rollouts may allow some of their containers to fail. */
  #isTolerated({ trial, resource }: Step, error: unknown): boolean {
    const rollout = trial && this.#rollouts.find((entry) => entry.service === trial.service)
    if (trial === undefined || rollout === undefined || this.#options.signal?.aborted === true) return false
    const failed = this.#failedTrials.get(trial.service) ?? new Set<string>()
    this.#failedTrials.set(trial.service, failed.add(trial.container))
    if (failed.size > rollout.tolerated) return false
    const { progress } = this.#options
    progress({ id: resource, status: 'warning', text: 'Warning', detail: `${toMessage(error)}; the update goes on` })
    return true
  }
}

const longKinds: ReadonlySet<StepOp['kind']> = new Set([
  'wait-container',
  'monitor-container',
  'delay',
  'run-hook',
  'run-init',
])

/** What takes as long as someone else's program takes must not hold up the others. */
function isLong({ op }: Step): boolean {
  return longKinds.has(op.kind)
}

function isAbort(error: unknown): boolean {
  return isFlotillaError(error) ? error.code === 'core/aborted' : error instanceof Error && error.name === 'AbortError'
}

function report(step: Step, status: 'working' | 'done', progress: Progress): void {
  const text = step.words[status]
  if (text !== '') progress({ id: step.resource, status, text, ...markTransfer(step) })
  if (status === 'done') reportBrought(step, progress)
}

/** Volumes that came with a container. */
export function reportBrought({ op }: Step, progress: Progress): void {
  if (op.kind !== 'create-container') return
  for (const { body } of op.volumes ?? []) progress({ id: `Volume ${body.Name}`, status: 'done', text: 'Created' })
}

/** For the events of a step that pulls or pushes. */
export function markTransfer({ op }: Step): Pick<ProgressEvent, 'isTransfer'> {
  return op.kind === 'pull-image' || op.kind === 'push-image' ? { isTransfer: true } : {}
}

/** @returns true when later steps may go on */
function isSettled(step: Step, error: unknown, progress: Progress): boolean {
  const status = isFlotillaError(error) ? error.status : undefined
  // What should be gone and already is needs no removing.
  if (step.op.kind.startsWith('remove-') && status === 404) {
    report(step, 'done', progress)
    return true
  }
  if (step.refusal !== undefined && (status === 403 || status === 409)) {
    progress({ id: step.resource, status: 'warning', text: step.refusal })
    return true
  }
  const isWaived = step.bestEffort === true
  if (isWaived && step.isErrorShown !== true) {
    progress({ id: step.resource, status: 'warning', ...describeWaived(step, error), ...markTransfer(step) })
    return true
  }
  progress({ id: step.resource, status: 'error', ...describeFailure(step, error), ...markTransfer(step) })
  return isWaived
}
