import type { EndpointSettings } from '../translate.ts'
import { makePlanBuilder, silent } from './builder.ts'
import type { PlanBuilder } from './builder.ts'
import type { ContainerState } from './observed.ts'
import type { ContainerRef, Plan, Step, StepOp } from './plan.ts'
import { isTemporaryName } from './rollout/unfinished.ts'

/** How far a plan had come when it failed. */
export interface Ended {
  readonly begun: ReadonlySet<number>
  readonly done: ReadonlySet<number>
  /** Step → ID of the container it made. */
  readonly made: ReadonlyMap<number, string>
}

export type Creation = Step & { readonly op: Extract<StepOp, { readonly kind: 'create-container' }> }

export function isCreation(step: Step): step is Creation {
  return step.op.kind === 'create-container'
}

/** A container that was to run again, or to have a successor, when the plan failed. */
export interface Interrupted {
  readonly old: ContainerRef & { readonly kind: 'existing' }
  /** Its stop has begun: it ran before. */
  readonly isStopped: boolean
  /** What the plan was to start in the end; absent where nothing was to run. */
  readonly start?: Step
  /** Absent: it was to run again itself. */
  readonly successor?: Successor
}

export interface Successor {
  /** ID or name. */
  readonly reference: string
  /** The one it gets in the end. */
  readonly name: string
  readonly creation: Creation
}

/** What is there of a container now. */
export interface Seen {
  readonly id: string
  readonly name: string
  readonly state: ContainerState
  /** Names. */
  readonly networks: readonly string[]
}

/** What there is when the plan has failed. */
export interface Found {
  /** By the references of interrupted containers; those that are not there are missing. */
  readonly seen: ReadonlyMap<string, Seen>
  /** References of which nothing is known: nothing is done about them. */
  readonly unknown: ReadonlySet<string>
  /** Names of those that are there, of the ones that the plan was to make anew. */
  readonly networks: ReadonlySet<string>
}

/** A way back under construction, and the plan it makes up for. */
export interface Back {
  readonly steps: readonly Step[]
  readonly ended: Ended
  readonly builder: PlanBuilder
  /** Step of that plan → the one that is done in its place; undefined: it is done. */
  readonly instead: Map<number, number | undefined>
  /** Steps that made containers whose old ones stay → whether those are started again. */
  readonly takenBack: Map<number, boolean>
  /** Step that made a container → it, or the old one where that stays. */
  readonly found: Map<number, ContainerRef>
  /** The last start: dependencies come first. */
  last: number | undefined
}

type StepList = readonly (number | undefined)[]

export function makeBack({ steps }: Plan, ended: Ended): Back {
  const found = new Map<number, ContainerRef>()
  for (const [step, id] of ended.made) found.set(step, { kind: 'existing', id, name: id })
  return {
    steps,
    ended,
    builder: makePlanBuilder(),
    instead: new Map([...ended.done].map((id) => [id, undefined])),
    takenBack: new Map(
      steps.filter((step) => isCreation(step) && !ended.begun.has(step.id)).map(({ id }) => [id, false]),
    ),
    found,
    last: undefined,
  }
}

export function toFound({ id, name }: Seen): ContainerRef {
  return { kind: 'existing', id, name }
}

/** @param isStrict what comes after it is left undone when it fails */
export function addStep(
  { builder }: Back,
  { start, old }: Interrupted,
  op: StepOp,
  after: StepList,
  isStrict = false,
): number {
  return builder.add({
    op,
    resource: start?.resource ?? `Container ${old.name}`,
    cause: 'stopped by a plan that failed',
    ...(start?.group !== undefined && { group: start.group }),
    after,
    owedFrom: 'start',
    ...(!isStrict && { bestEffort: true }),
    words: op.kind === 'start-container' ? { ...silent, done: 'Started' } : silent,
  })
}

/** Adds a start, and the hooks that follow on it. */
export function addStart(back: Back, each: Interrupted, container: ContainerRef, after: StepList): void {
  back.last = addStep(back, each, { kind: 'start-container', container }, [back.last, ...after])
  if (each.start !== undefined) back.instead.set(each.start.id, back.last)
  for (const { id, op } of hooksOf(back, each)) {
    back.last = addStep(back, each, { ...op, container }, [back.last])
    back.instead.set(id, back.last)
  }
}

/** What runs as it did stands for what was to be started in its place. */
export function takeForStarted(back: Back, each: Interrupted, step: number | undefined): void {
  if (each.start === undefined) return
  for (const { id } of [each.start, ...hooksOf(back, each)]) back.instead.set(id, step)
}

function hooksOf({ steps }: Back, { start }: Interrupted): readonly Hook[] {
  return steps.filter(isHook).filter(({ op, resource }) => op.phase === 'post_start' && resource === start?.resource)
}

type Hook = Step & { readonly op: Extract<StepOp, { readonly kind: 'run-hook' }> }

function isHook(step: Step): step is Hook {
  return step.op.kind === 'run-hook'
}

/** The old one goes if it is there, because what it shares with others is not, and its name passes on; the start follows where all it needs is or can be done. */
export function addSuccessor(
  back: Back,
  each: Interrupted,
  { name, creation }: Successor,
  seen: Seen,
  before: Seen | undefined,
): void {
  const { start, isStopped, old } = each
  const container = toFound(seen)
  back.found.set(creation.id, container)
  const isRunning = before?.state === 'running'
  const stop = isRunning ? addStep(back, each, { kind: 'stop-container', container: old }, []) : undefined
  const removal =
    before === undefined
      ? undefined
      : addStep(back, each, { kind: 'remove-container', container: old, withVolumes: false }, [stop])
  const rename =
    isTemporaryName(seen.name) && !isTemporaryName(name)
      ? addStep(back, each, { kind: 'rename-container', container, name }, [removal])
      : undefined
  for (const { id, op } of back.steps) {
    if (op.kind !== 'rename-container' || op.container.kind !== 'made') continue
    if (op.container.step === creation.id) back.instead.set(id, rename)
  }
  if (start === undefined || !(isStopped || isRunning)) return
  const needed = start.after.map((id) => makeUp(back, each, id))
  if (!needed.includes('missing')) addStart(back, each, container, needed.filter(isStep))
}

/** @returns the step that is done in place of one of the plan that failed */
function makeUp(back: Back, each: Interrupted, id: number): number | 'missing' | undefined {
  if (back.instead.has(id)) return back.instead.get(id)
  const step = back.steps.find((other) => other.id === id)
  if (step?.op.kind !== 'wait-container') return 'missing'
  const ref = step.op.container
  const container = ref.kind === 'existing' ? ref : back.found.get(ref.step)
  const needed = step.after.map((before) => makeUp(back, each, before))
  if (container === undefined || needed.includes('missing')) return 'missing'
  const named = { ...container, name: ref.name }
  const wait = addStep(back, each, { ...step.op, container: named }, needed.filter(isStep), step.bestEffort !== true)
  back.instead.set(id, wait)
  return wait
}

function isStep(step: number | 'missing' | undefined): step is number | undefined {
  return step !== 'missing'
}

/** Networks that were taken away and not made anew. @returns the steps that try once more */
export function addNetworks({ builder, steps, ended }: Back, existing: ReadonlySet<string>): readonly number[] {
  return findMissing(steps, ended)
    .filter(({ op }) => !existing.has(op.body.Name))
    .map(({ op, resource, cause }) => builder.add({ op, resource, cause, bestEffort: true, owedFrom: 'start' }))
}

/** What makes networks anew that may have been taken away. */
export function findMissing(steps: readonly Step[], { begun, done }: Ended): readonly NetworkCreation[] {
  return steps
    .filter(isNetworkCreation)
    .filter(({ id, after }) => !done.has(id) && after.some((step) => begun.has(step)))
}

type NetworkCreation = Step & { readonly op: Extract<StepOp, { readonly kind: 'create-network' }> }

function isNetworkCreation(step: Step): step is NetworkCreation {
  return step.op.kind === 'create-network'
}

/** Puts a container on the networks it was taken from. */
export function addJoins(back: Back, each: Interrupted, seen: Seen, after: StepList): StepList {
  const { id, name, networks } = seen
  const own = back.steps.filter(
    ({ op }) => 'container' in op && op.container.kind === 'existing' && op.container.id === id,
  )
  return own.flatMap(({ id: step, op, group = '' }) => {
    if (op.kind !== 'disconnect-network' || !back.ended.begun.has(step) || networks.includes(op.network)) return []
    const { network } = op
    const planned = own.map((other) => other.op).find((other) => isJoin(other) && other.network === network)
    const endpoint: EndpointSettings =
      planned !== undefined && isJoin(planned) ? planned.endpoint : { Aliases: [name, group] }
    return [addStep(back, each, { kind: 'connect-network', container: each.old, network, endpoint }, after)]
  })
}

function isJoin(op: StepOp): op is Extract<StepOp, { readonly kind: 'connect-network' }> {
  return op.kind === 'connect-network'
}
