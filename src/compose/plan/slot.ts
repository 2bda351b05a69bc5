import { FlotillaError } from '../../core/errors.ts'
import { makeDictionary } from '../model/dictionary.ts'
import type { Dictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import { replicasOf } from '../model/service.ts'
import type { Service } from '../model/service.ts'
import { toContainerName } from '../translate/name.ts'
import { referencedServices } from '../translate/reference.ts'
import { brokenLink } from './broken-link.ts'
import { divergenceOf } from './divergence.ts'
import { assignNodes, isGlobal, shareGlobally } from './placement/assign.ts'
import { findUnfinished, isTemporaryName } from './rollout/unfinished.ts'
import type { Judged } from './rollout/unfinished.ts'
import { toOneOffSlots } from './one-off.ts'
import type { OneOff } from './one-off.ts'
import type { Observed, ObservedContainer } from './observed.ts'
import type { RecreatePolicy, ReconcileOptions } from './options.ts'
import type { Selection } from './selection.ts'

/** One container a service should have, and what is to be done for it. */
export interface Slot {
  readonly service: Service
  readonly number: number
  readonly name: string
  readonly action: 'keep' | 'create' | 'recreate'
  /** The container that is there; for `create` one that must be gone first. */
  readonly container?: ObservedContainer
  /** An unfinished exchange: `container` is the successor, and this one goes once it has proved good. */
  readonly predecessor?: ObservedContainer
  /** Its exchange was begun by an update that was cut short, and may have stopped the old container. */
  readonly isCutShort?: boolean
  /** Node of a cluster a new container goes to, or (not firm) had better go to. */
  readonly node?: { readonly name: string; readonly isFirm: boolean }
  readonly cause: string
  /** It would be replaced, but its node is given nothing new. */
  readonly isHeld?: boolean
  /** It is none of the service's own. */
  readonly oneOff?: OneOff
}

/** The containers of one service, lowest number first, and those beyond its scale. */
export interface ServiceSlots {
  readonly service: Service
  readonly slots: readonly Slot[]
  readonly surplus: readonly ObservedContainer[]
}

/** What decides about slots besides the containers themselves. */
export interface SlotContext {
  readonly project: Project
  readonly observed: Observed
  readonly options: ReconcileOptions
  readonly selection: Selection
  /** IDs of containers that go with a volume that is made anew. */
  readonly doomed: ReadonlySet<string>
}

/**
 * Decides for every selected service which containers stay, are replaced, are made and are surplus.
 * Dependencies come first because a service may refer to a container of another.
 */
export function decideSlots(context: SlotContext): ReadonlyMap<string, ServiceSlots> {
  const decided = new Map<string, ServiceSlots>()
  const byService = groupByService(context.observed)
  for (const service of context.selection.services) {
    if (service.provider !== undefined) continue
    const { oneOff } = context.options
    if (oneOff?.service === service.name) {
      decided.set(service.name, toOneOffSlots(service, oneOff))
      continue
    }
    decided.set(service.name, decideService(service, byService.get(service.name) ?? [], decided, context))
  }
  return decided
}

/** Ordinary containers by service, one-off ones left out. */
export function groupByService(observed: Observed): ReadonlyMap<string, readonly ObservedContainer[]> {
  const groups = new Map<string, ObservedContainer[]>()
  for (const container of observed.containers) {
    if (container.isOneOff) continue
    const list = groups.get(container.service)
    if (list === undefined) groups.set(container.service, [container])
    else list.push(container)
  }
  return groups
}

/** Number of containers asked for: command line, `scale`, `deploy.replicas`, 1. */
function expectedOf(service: Service, options: ReconcileOptions): number {
  const expected = options.scale[service.name] ?? replicasOf(service)
  if (service.container_name !== undefined && expected > 1) {
    throw new FlotillaError(
      'compose/plan',
      `WARNING: The "${service.name}" service is using the custom container name "${service.container_name}". ` +
        'Docker requires each container to have a unique name. Remove the custom name to scale the service',
    )
  }
  return expected
}

function decideService(
  service: Service,
  all: readonly ObservedContainer[],
  decided: ReadonlyMap<string, ServiceSlots>,
  context: SlotContext,
): ServiceSlots {
  const { options, project } = context
  const share = isGlobal(service, context.observed, options) ? shareGlobally(service, all, context.observed) : undefined
  const expected = share === undefined ? expectedOf(service, options) : share.kept.length + share.missing.length
  const choices = knownIds(service, decided, context)
  const policy = policyOf(service, context)
  const name = (number: number): string => toContainerName(project.name, service, number, options.separator)
  const every = all
    .filter((container) => !context.doomed.has(container.id) && container.state !== 'removing')
    .map((container) => ({
      container,
      cause: causeOf(container, service, policy, choices, context) ?? brokenLink(container, service, policy, decided),
    }))
  const { pairs, failed, begun } = findUnfinished(every, service, options)
  const { judged, doubles } = partNumbers(
    every
      .filter(({ container }) => !failed.has(container.id) && !pairs.predecessors.has(container.id))
      .filter(({ container }) => share === undefined || share.kept.includes(container))
      // Up-to-date ones first, low numbers first: what scaling down takes away stands at the end.
      .sort(
        (a, b) =>
          Number(a.cause !== undefined) - Number(b.cause !== undefined) ||
          a.container.number - b.container.number ||
          Number(isTemporaryName(a.container.name)) - Number(isTemporaryName(b.container.name)),
      ),
  )
  const doomed = all.filter((container) => context.doomed.has(container.id))
  const taken = new Set(all.map((container) => container.number))
  let last = options.lowestNumbers === true ? 0 : Math.max(0, ...taken)
  const takeNumber = (): number => {
    do last += 1
    while (taken.has(last))
    return last
  }
  const slots: Slot[] = judged.slice(0, expected).map(({ container, cause }) => {
    const isHeld = share?.held.has(container) === true
    // One whose label tells no number is replaced by one that has a number.
    const number = cause !== undefined && !isHeld && container.number === 0 ? takeNumber() : container.number
    return {
      service,
      number,
      // A leftover under its temporary name gets its own.
      name:
        cause === undefined && !isTemporaryName(container.name) && !pairs.bySuccessor.has(container.id)
          ? container.name
          : name(number),
      action: cause === undefined || isHeld ? 'keep' : 'recreate',
      ...(cause !== undefined && isHeld && { isHeld }),
      container,
      ...pairs.bySuccessor.get(container.id),
      ...((begun.has(container.id) || pairs.bySuccessor.has(container.id)) && { isCutShort: true }),
      cause: cause ?? (pairs.bySuccessor.has(container.id) ? 'unfinished update' : 'as wanted'),
    }
  })
  for (const container of doomed.slice(0, Math.max(0, expected - slots.length))) {
    const number = container.number === 0 ? takeNumber() : container.number
    slots.push({ service, number, name: name(number), action: 'create', container, cause: 'volume made anew' })
  }
  const empty = [...(share?.missing ?? [])]
  while (slots.length < expected) {
    const node = empty.shift()
    const number = takeNumber()
    slots.push({
      service,
      number,
      name: name(number),
      action: 'create',
      ...(node !== undefined && { node: { name: node, isFirm: true } }),
      cause: all.length === 0 ? 'missing' : share === undefined ? 'scale up' : 'one on each node',
    })
  }
  const sorted = slots.sort((a, b) => a.number - b.number)
  return {
    service,
    slots:
      share === undefined
        ? assignNodes(context.project, service, sorted, context.observed, options)
        : sorted.map(stayOnNode),
    surplus: [
      ...(share?.surplus ?? []),
      ...every.filter(({ container }) => failed.has(container.id)).map(({ container }) => container),
      ...doubles,
      ...judged.slice(expected).flatMap(({ container }) => {
        const old = pairs.bySuccessor.get(container.id)?.predecessor
        return old === undefined ? [container] : [container, old]
      }),
    ],
  }
}

/**
 * A replacement that was cut short leaves two containers of one number, which is to have one: the first one in order
 * stays or is replaced, the other goes.
 */
function partNumbers(inOrder: readonly Judged[]): {
  readonly judged: readonly Judged[]
  readonly doubles: readonly ObservedContainer[]
} {
  const numbers = new Set<number>()
  const doubles: ObservedContainer[] = []
  const judged = inOrder.filter(({ container }) => {
    const isFirst = container.number === 0 || !numbers.has(container.number)
    if (!isFirst) doubles.push(container)
    numbers.add(container.number)
    return isFirst
  })
  return { judged, doubles }
}

/** A container of a global service is replaced where it is. */
function stayOnNode(slot: Slot): Slot {
  const name = slot.container?.node
  return slot.action === 'recreate' && name !== undefined ? { ...slot, node: { name, isFirm: true } } : slot
}

function policyOf(service: Service, context: SlotContext): RecreatePolicy {
  const { options, selection } = context
  return selection.named.has(service.name) ? options.recreate : options.recreateDependencies
}

function causeOf(
  container: ObservedContainer,
  service: Service,
  policy: RecreatePolicy,
  choices: readonly Dictionary<string>[],
  context: SlotContext,
): string | undefined {
  if (policy === 'never') return undefined
  if (policy === 'force') return 'recreation forced'
  const { project, observed } = context
  const { materials, replaceClassic } = context.options
  let cause: string | undefined
  for (const ids of choices) {
    const diverged = divergenceOf(container, {
      project,
      service,
      observed,
      ids,
      ...(materials !== undefined && { materials }),
      replacesClassic: replaceClassic === true,
    })
    if (diverged === undefined) return undefined
    cause ??= diverged
  }
  return cause
}

/** More ways to refer to containers than this are not tried: a container of none of them is replaced, which is safe. */
const mostChoices = 64

/**
 * IDs of the containers a service refers to, as far as they stay: those that a new container gets first, then the other
 * containers of the same services, since docker-compose 2 refers to any of them.
 */
function knownIds(
  service: Service,
  decided: ReadonlyMap<string, ServiceSlots>,
  context: SlotContext,
): readonly Dictionary<string>[] {
  let choices: readonly Dictionary<string>[] = [makeDictionary<string>()]
  for (const name of referencedServices(service)) {
    const slots = decided.get(name)?.slots
    const ids: readonly (string | undefined)[] =
      slots === undefined
        ? context.observed.containers.filter((entry) => entry.service === name && !entry.isOneOff).map(({ id }) => id)
        : slots.map(({ action, container }) => (action === 'keep' ? container?.id : undefined))
    const distinct = ids.length === 0 ? [undefined] : [...new Set(ids)]
    choices = distinct
      .flatMap((id) =>
        choices.map((known) => (id === undefined ? known : makeDictionary([...Object.entries(known), [name, id]]))),
      )
      .slice(0, mostChoices)
  }
  return choices
}
