import { LABEL } from '../compose/plan/label.ts'
import type {
  Observed,
  ObservedContainer,
  ObservedMount,
  ObservedNetwork,
  ObservedVolume,
} from '../compose/plan/observed.ts'
import { insertStep, StepFrontier } from '../compose/plan/step-frontier.ts'
import type { ContainerRef, Plan, Step, StepOp } from '../compose/plan/plan.ts'
import { toCreateBody } from '../compose/translate.ts'

interface World {
  readonly containers: Map<string, ObservedContainer>
  readonly networks: Map<string, ObservedNetwork>
  readonly volumes: Map<string, ObservedVolume>
  readonly images: Observed['images']
  /** Step → ID of the container it made. */
  readonly made: Map<number, string>
  count: number
}

/**
 * What would be observed after a plan was carried out, by a model of the engine that refuses what a real
 * one refuses: names in use, networks with endpoints, missing things.
 *
 * @param pick chooses the next step among those that may run, by index; by default the last, which brings
 *   out a missing `after` that the order of the list would hide
 */
export function applyPlan(
  plan: Plan,
  observed: Observed,
  pick: (ready: readonly Step[]) => number = (ready) => ready.length - 1,
): Observed {
  return applyPrefix(plan, observed, plan.steps.length, pick).observed
}

/** What a run that ended too early has left. */
export interface AppliedPrefix {
  readonly observed: Observed
  /** Steps that were carried out. */
  readonly begun: ReadonlySet<number>
  /** Step → ID of the container it made. */
  readonly made: ReadonlyMap<number, string>
}

/** As `applyPlan`, for a run that ends after so many steps. */
export function applyPrefix(
  plan: Plan,
  observed: Observed,
  count: number,
  pick: (ready: readonly Step[]) => number = (ready) => ready.length - 1,
): AppliedPrefix {
  const world: World = {
    containers: new Map(observed.containers.map((entry) => [entry.id, entry])),
    networks: new Map(observed.networks.map((entry) => [entry.name, entry])),
    volumes: new Map(observed.volumes.map((entry) => [entry.name, entry])),
    images: observed.images,
    made: new Map(),
    count: lastCount(observed),
  }
  const done = new Set<number>()
  const frontier = new StepFrontier(plan.steps)
  const ready = [...frontier.first]
  while (done.size < Math.min(count, plan.steps.length)) {
    const index = pick(ready)
    const [step] = index < 0 ? [] : ready.splice(index, 1)
    if (step === undefined) throw new Error('the plan has a cycle')
    demand(
      step.after.every((before) => before < step.id),
      `step ${step.id} stands before what it needs`,
    )
    applyStep(world, step)
    done.add(step.id)
    for (const next of frontier.finish(step)) insertStep(ready, next)
  }
  const containers = [...world.containers.values()].sort(
    (a, b) => a.service.localeCompare(b.service) || a.number - b.number,
  )
  const after = {
    containers,
    networks: [...world.networks.values()],
    volumes: [...world.volumes.values()],
    images: world.images,
  }
  return { observed: after, begun: done, made: world.made }
}

function applyStep(world: World, step: Step): void {
  const { op } = step
  switch (op.kind) {
    case 'create-network':
      demand(!world.networks.has(op.body.Name), `network ${op.body.Name} exists`)
      world.networks.set(op.body.Name, {
        id: nextId(world),
        name: op.body.Name,
        driver: op.body.Driver ?? 'bridge',
        labels: op.body.Labels,
      })
      return
    case 'remove-network':
      for (const container of world.containers.values()) {
        demand(!Object.values(container.networks).includes(op.id), `network ${op.name} has endpoints`)
      }
      world.networks.delete(op.name)
      return
    case 'create-volume':
      world.volumes.set(op.body.Name, { name: op.body.Name, driver: 'local', labels: op.body.Labels })
      return
    case 'remove-volume':
      for (const container of world.containers.values()) {
        demand(!container.mounts.some((mount) => mount.name === op.name), `volume ${op.name} is in use`)
      }
      world.volumes.delete(op.name)
      return
    case 'create-container':
      world.made.set(step.id, createContainer(world, op))
      return
    case 'pull-image':
    case 'build-image':
    case 'push-image':
    case 'remove-image':
    case 'delay':
      return
    default:
      applyToContainer(world, op)
  }
}

type ContainerOp = Extract<StepOp, { readonly container: ContainerRef }>

function applyToContainer(world: World, op: ContainerOp): void {
  const id = op.container.kind === 'existing' ? op.container.id : (world.made.get(op.container.step) ?? '')
  const container = world.containers.get(id)
  if (container === undefined) throw new Error(`no container ${op.container.name} for ${op.kind}`)
  const change = (fields: Partial<ObservedContainer>): void =>
    void world.containers.set(id, { ...container, ...fields })
  switch (op.kind) {
    case 'start-container':
      for (const network of Object.values(container.networks)) {
        const exists = [...world.networks.values()].some((entry) => entry.id === network)
        demand(exists, `container ${container.name} starts on a network that is gone`)
      }
      return change({ state: 'running' })
    case 'unpause-container':
    case 'restart-container':
      return change({ state: 'running' })
    case 'stop-container':
    case 'kill-container':
      return change({ state: 'exited' })
    case 'pause-container':
      return change({ state: 'paused' })
    case 'remove-container':
      world.containers.delete(id)
      return
    case 'copy-files':
      demand(container.state === 'created', `files are copied into container ${container.name}, which has run`)
      return
    case 'rename-container':
      demand(
        container.state !== 'running' || !isOnOverlay(world, container),
        `container ${container.name} runs on an overlay network, where engines fail to rename it`,
      )
      demand(![...world.containers.values()].some((entry) => entry.name === op.name), `name ${op.name} is in use`)
      return change({ name: op.name })
    case 'connect-network':
      return change({ networks: { ...container.networks, [op.network]: networkId(world, op.network) } })
    case 'disconnect-network': {
      const { [op.network]: _gone, ...networks } = container.networks
      return change({ networks })
    }
    case 'run-hook':
      demand(container.state === 'running', `a hook is run in container ${container.name}, which does not run`)
      return
    case 'run-init':
      demand(container.state !== 'running', `container ${container.name} runs before it is prepared`)
      return
    case 'wait-container':
    case 'monitor-container':
      demand(container.state === 'running', `container ${container.name} is waited for and does not run`)
  }
}

function createContainer(world: World, op: Extract<StepOp, { readonly kind: 'create-container' }>): string {
  demand(![...world.containers.values()].some((entry) => entry.name === op.name), `name ${op.name} is in use`)
  const ids = Object.fromEntries(
    Object.entries(op.needs).map(([service, ref]) => [
      service,
      ref.kind === 'existing' ? ref.id : (world.made.get(ref.step) ?? ''),
    ]),
  )
  const body = toCreateBody(op.draft, ids)
  for (const { body: volume } of op.volumes ?? []) {
    world.volumes.set(volume.Name, { name: volume.Name, driver: 'local', labels: volume.Labels })
  }
  const id = nextId(world)
  const endpoints = Object.keys(body.NetworkingConfig?.EndpointsConfig ?? {})
  world.containers.set(id, {
    id,
    name: op.name,
    service: body.Labels[LABEL.service] ?? '',
    number: Number(body.Labels[LABEL.number]),
    isOneOff: false,
    state: 'created',
    status: 'Created',
    image: body.Image,
    imageId: world.images[body.Image]?.id ?? '',
    command: '',
    createdAtMs: 0,
    labels: body.Labels,
    networks: Object.fromEntries(endpoints.map((name) => [name, networkId(world, name)])),
    mounts: [
      ...(body.HostConfig.Binds ?? []).map((bind) => toMount(world, bind)),
      ...(body.HostConfig.Mounts ?? []).map((mount) => ({
        type: mount.Type,
        ...(mount.Type === 'volume' && { name: mount.Source ?? `anonymous${nextId(world)}` }),
        source: mount.Source ?? '',
        target: mount.Target,
      })),
    ],
    ports: [],
  })
  return id
}

function toMount(world: World, bind: string): ObservedMount {
  const [source = '', target = ''] = bind.split(':')
  if (source.startsWith('/')) return { type: 'bind', source, target }
  demand(world.volumes.has(source) || source.startsWith('anonymous'), `no volume ${source}`)
  return { type: 'volume', name: source, source, target }
}

function networkId(world: World, name: string): string {
  const network = world.networks.get(name)
  if (network === undefined) throw new Error(`no network ${name}`)
  return network.id
}

function isOnOverlay(world: World, container: ObservedContainer): boolean {
  return Object.keys(container.networks).some((name) => world.networks.get(name)?.driver === 'overlay')
}

/** IDs that exist are not given out again. */
function lastCount(observed: Observed): number {
  const numbers = [...observed.containers, ...observed.networks].map(({ id }) => Number.parseInt(id.slice(0, 12), 10))
  return Math.max(1000, ...numbers.filter((number) => Number.isSafeInteger(number)))
}

function nextId(world: World): string {
  world.count += 1
  const digits = String(world.count).padStart(12, '0')
  // Every part of an ID tells it from others.
  return `${digits}f${digits.slice(1)}`.padEnd(64, '0')
}

function demand(condition: boolean, problem: string): void {
  if (!condition) throw new Error(problem)
}
