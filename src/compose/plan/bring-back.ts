import { isLegacyBridge } from '../translate.ts'
import { hostServices } from '../translate/reference.ts'
import {
  addJoins,
  addNetworks,
  addStart,
  addStep,
  addSuccessor,
  isCreation,
  makeBack,
  takeForStarted,
  toFound,
} from './bring-back-steps.ts'
import type { Creation, Ended, Found, Interrupted, Seen } from './bring-back-steps.ts'
import type { ContainerRef, Plan, Step } from './plan.ts'
import { isTemporaryName } from './rollout/unfinished.ts'

/**
 * The containers that a plan which failed has left halfway, in the order in which they were to start. What rollouts take
 * back themselves is left out.
 */
export function findInterrupted({ steps, rollouts = [] }: Plan, ended: Ended): readonly Interrupted[] {
  const rolling = new Set(rollouts.map(({ service }) => service))
  const byId = new Map(steps.map((step) => [step.id, step]))
  const stopped = new Set(
    steps.flatMap(({ id, op }) =>
      op.kind === 'stop-container' && op.container.kind === 'existing' && ended.begun.has(id) ? [op.container.id] : [],
    ),
  )
  const found = new Map<string, Interrupted>()
  for (const step of steps) {
    const from = typeof step.owedFrom === 'number' ? byId.get(step.owedFrom) : undefined
    if (from === undefined || !('container' in from.op) || from.op.container.kind !== 'existing') continue
    if (step.group !== undefined && rolling.has(step.group)) continue
    const { container: old } = from.op
    const known = found.get(old.id)
    const isStart = step.op.kind === 'start-container' && known?.start === undefined
    found.set(old.id, {
      ...known,
      old,
      isStopped: known?.isStopped ?? stopped.has(old.id),
      ...(isStart && { start: step }),
      ...toSuccessor(step, byId, ended),
    })
  }
  const starts = new Map(
    steps.flatMap(({ id, op }) => (op.kind === 'start-container' ? [[keyOf(op.container), id] as const] : [])),
  )
  const rankOf = ({ old, successor }: Interrupted): number => starts.get(successor?.creation.id ?? old.id) ?? 0
  const interrupted = [...found.values()].filter(({ isStopped, start, successor }) => {
    if (start !== undefined && ended.done.has(start.id)) return false
    const isMade = successor !== undefined && ended.begun.has(successor.creation.id)
    return isStopped || isMade || (successor !== undefined && hostsOf(steps, successor.creation).length > 0)
  })
  return interrupted.sort((a, b) => rankOf(a) - rankOf(b))
}

function keyOf(container: ContainerRef): string | number {
  return container.kind === 'made' ? container.step : container.id
}

function toSuccessor(step: Step, steps: ReadonlyMap<number, Step>, { made }: Ended): Pick<Interrupted, 'successor'> {
  const ref = 'container' in step.op ? step.op.container : undefined
  const creation = ref?.kind === 'made' ? steps.get(ref.step) : step
  if (creation === undefined || !isCreation(creation)) return {}
  const { name } = creation.op
  // One whose answer was lost may be there under its name.
  return { successor: { reference: made.get(creation.id) ?? name, name: ref?.name ?? name, creation } }
}

/**
 * Plans what follows when a step fails on which the way back of stopped containers depends. What ran runs again as it was,
 * whether or not what it depends on does: it would have run on without, too. A successor that is not needed then goes. One
 * whose old container is gone is started as the plan would have, where nothing but its name and the starts of others are
 * missing.
 */
export function planBringBack(
  plan: Plan,
  interrupted: readonly Interrupted[],
  ended: Ended,
  { seen, unknown, networks: existing }: Found,
): Plan {
  const { steps } = plan
  const back = makeBack(plan, ended)
  const networks = addNetworks(back, existing)
  const left = new Set<number>()
  for (const each of interrupted) {
    const { old, isStopped, start, successor } = each
    const hosts = successor === undefined ? [] : hostsOf(steps, successor.creation)
    const isKnown = !unknown.has(old.id) && (successor === undefined || !unknown.has(successor.reference))
    if (!isKnown || hosts.some((host) => left.has(host))) {
      if (successor !== undefined) left.add(successor.creation.id)
      continue
    }
    const [before, after] = [seen.get(old.id), successor && seen.get(successor.reference)]
    if (start !== undefined && ended.begun.has(start.id)) {
      // It has failed, or its answer was lost.
      if ((successor === undefined ? before : after)?.state === 'running') back.instead.set(start.id, undefined)
    } else if (isThere(before) && hosts.every((host) => back.takenBack.has(host))) {
      const isDown = before.state === 'exited' || before.state === 'created'
      if (isStopped && isDown) addStart(back, each, old, addJoins(back, each, before, networks))
      else if (before.state === 'running') {
        const isHostBack = hosts.some((host) => back.takenBack.get(host) === true)
        if (isHostBack) back.last = addStep(back, each, { kind: 'restart-container', container: old }, [back.last])
        takeForStarted(back, each, isHostBack ? back.last : undefined)
      }
      if (successor === undefined) continue
      back.found.set(successor.creation.id, old)
      back.takenBack.set(successor.creation.id, isStopped && isDown)
      if (after?.state === 'created' && after.id !== old.id)
        addStep(back, each, { kind: 'remove-container', container: toFound(after), withVolumes: false }, [])
    } else if (after?.state === 'created' && successor !== undefined) {
      addSuccessor(back, each, successor, after, isThere(before) ? before : undefined)
    }
  }
  return back.builder.build()
}

function isThere(seen: Seen | undefined): seen is Seen {
  return seen !== undefined && seen.state !== 'removing' && seen.state !== 'dead'
}

/**
 * Steps that make the containers without which it cannot run, or only in what these have left; engines' own links are to
 * one of them for good, and others of a service linked to that come as new ones do not matter.
 */
function hostsOf(steps: readonly Step[], { op }: Creation): readonly number[] {
  const { service } = op.draft
  const hosts = hostServices(service).map((name) => op.needs[name])
  const made = hosts.flatMap((ref) => (ref?.kind === 'made' ? [ref.step] : []))
  const links = new Set(isLegacyBridge(service) ? (service.links ?? []).map((link) => link.split(':')[0]) : [])
  const linked = steps.filter((step) => isCreation(step) && isReplacing(step) && links.has(step.op.draft.service.name))
  return [...made, ...linked.map(({ id }) => id)]
}

function isReplacing({ op, owedFrom }: Creation): boolean {
  return owedFrom !== undefined || isTemporaryName(op.name)
}
