import { toMessage } from '../../core/errors.ts'
import { settleLimit } from '../../core/limit.ts'
import type { EngineRequest } from '../../engine/engine.ts'
import type { Cluster } from '../cluster.ts'
import type { Role } from '../leader/role.ts'
import type { Member } from '../member.ts'
import { isFields, readFields, readNumber, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { planSwarm } from './plan-swarm.ts'
import type { EngineSwarm, SwarmNotice, SwarmPlan, SwarmStep } from './plan-swarm.ts'
import { readEngineSwarm } from './read-swarm.ts'

/** How networks over the engines are to be made; what is absent is the engines' choice. */
export interface OverlayOptions {
  /** Address ranges that networks are cut from, CIDR. */
  readonly addressPools?: readonly string[]
  /** Bits of the mask of one network. */
  readonly subnetSize?: number
  /** UDP port of the traffic between nodes, 4789 if absent. */
  readonly dataPathPort?: number
}

export interface FormSwarmOptions {
  readonly cluster: Cluster
  readonly role: Role
  readonly overlay: OverlayOptions
  readonly signal: AbortSignal
}

/** Engines fill this in for their own command only: a pool without it yields no network. */
const defaultSubnetSize = 24
const listen = '0.0.0.0:2377'
const pauseMs = 1000
/** Without any change the engines are asked again after this. */
const lookAgainMs = 30_000
/** What a change of the members leads to, a lost majority for one, shows some seconds later. */
const afterChangeMs = 20_000
const lookSoonMs = 5000
/** A worker of the common swarm is believed to be one for so long. */
const workerMs = 10 * 60_000
/** Engines that are named but do not answer are waited for before the first swarm is begun. */
const graceMs = 30_000
const infoMs = 10_000
const stepMs = 60_000
const parallelJoins = 4
const sameTroubleMs = 60_000

/**
 * Keeps the engines in one swarm of their own until the signal fires: makes it, and takes in engines that come later.
 * Only the leading manager acts. Takes nobody out: an engine that has left for good stays in the swarm's list, as down,
 * until an operator removes it.
 */
export async function keepSwarm(options: FormSwarmOptions): Promise<void> {
  const former = new SwarmFormer(options)
  const { clock } = options.cluster
  while (!options.signal.aborted) {
    await former.look().catch((error: unknown) => former.complain(error))
    await clock.sleep(pauseMs, options.signal).catch(() => undefined)
  }
}

class SwarmFormer {
  readonly #o: FormSwarmOptions
  readonly #startMs: number
  #told: ReadonlySet<string> = new Set()
  #seen = ''
  #lookedMs = 0
  #changedMs = 0
  readonly #workers = new Map<string, { readonly untilMs: number; readonly swarm: EngineSwarm }>()
  #isBusy = true
  #trouble: { readonly text: string; readonly atMs: number } | undefined

  constructor(options: FormSwarmOptions) {
    this.#o = options
    this.#startMs = options.cluster.clock.monotonicMs()
  }

  /** Looks at the engines when something may have changed, and does what is missing. */
  async look(): Promise<void> {
    const { cluster, role } = this.#o
    const nowMs = cluster.clock.monotonicMs()
    const members = cluster.healthyMembers()
    const seen = members.map((each) => `${each.addr} ${each.view.swarmRole}`).join('\n')
    if (seen !== this.#seen) this.#changedMs = nowMs
    const pace = nowMs - this.#changedMs < afterChangeMs ? lookSoonMs : lookAgainMs
    const isDue = this.#isBusy || seen !== this.#seen || nowMs - this.#lookedMs >= pace
    if (!isDue || members.length === 0 || !(await role.mayAct())) return
    this.#seen = seen
    this.#lookedMs = nowMs
    const isComplete = members.length === cluster.snapshot().nodes.length || nowMs - this.#startMs >= graceMs
    const { told, silence } = await this.#ask(members)
    // Who says nothing may be in a swarm: whoever is left must not begin another, but may join the one there is.
    const plan = planSwarm(told, isComplete && silence === undefined)
    if (silence !== undefined) this.complain(silence)
    this.#remember(plan, nowMs)
    this.#tell(plan.notices)
    this.#isBusy = plan.steps.length > 0 || !isComplete
    await this.#perform(plan)
  }

  /** The same trouble is told once a minute. */
  complain(error: unknown): void {
    const { clock, log } = this.#o.cluster
    const text = toMessage(error)
    const nowMs = clock.monotonicMs()
    if (this.#trouble?.text === text && nowMs - this.#trouble.atMs < sameTroubleMs) return
    this.#trouble = { text, atMs: nowMs }
    log.warn('cannot put the engines into one swarm', { error: text })
  }

  /** What the engines say, and the first failure of those that do not. */
  async #ask(
    members: readonly Member[],
  ): Promise<{ readonly told: readonly EngineSwarm[]; readonly silence: unknown }> {
    const nowMs = this.#o.cluster.clock.monotonicMs()
    const asked = await settleLimit(members, 16, async (member) => {
      const known = this.#workers.get(member.addr)
      if (known !== undefined && member.view.swarmRole === 'worker' && known.untilMs > nowMs) return known.swarm
      const reply = await member.engine.request({ method: 'GET', path: '/info' }, { deadlineMs: infoMs })
      const info = await reply.json<unknown>()
      const { addr, name, view } = member
      return readEngineSwarm(isFields(info) ? info : {}, { addr, name, ip: view.ip })
    })
    const silent = asked.find((each) => each.kind === 'failed')
    return { told: asked.flatMap((each) => (each.kind === 'done' ? [each.value] : [])), silence: silent?.error }
  }

  #remember({ members }: SwarmPlan, nowMs: number): void {
    const workers = members.filter((each) => !each.isManager)
    const held = new Map(workers.map((swarm) => [swarm.addr, this.#workers.get(swarm.addr)]))
    this.#workers.clear()
    for (const swarm of workers) {
      const untilMs = held.get(swarm.addr)?.untilMs ?? 0
      this.#workers.set(swarm.addr, { swarm, untilMs: untilMs > nowMs ? untilMs : nowMs + workerMs })
    }
  }

  #tell(notices: readonly SwarmNotice[]): void {
    for (const { key, text } of notices) if (!this.#told.has(key)) this.#o.cluster.log.warn(text)
    this.#told = new Set(notices.map((each) => each.key))
  }

  async #perform({ steps, managers }: SwarmPlan): Promise<void> {
    const first = steps[0]
    if (first === undefined) return
    if (first.kind === 'init') {
      await this.#run(first, () => this.#init(first.engine))
      return
    }
    // A new manager changes who has to agree, so they come one after the other.
    for (const step of steps) {
      if (step.kind === 'promote') await this.#run(step, () => this.#promote(managers, step.engine))
      if (step.kind === 'join' && step.as === 'manager') await this.#run(step, () => this.#join(managers, step))
    }
    const workers = steps.filter((step) => step.kind === 'join' && step.as === 'worker')
    await settleLimit(workers, parallelJoins, (step) =>
      step.kind === 'join' ? this.#run(step, () => this.#join(managers, step)) : Promise.resolve(),
    )
  }

  async #run(step: SwarmStep, body: () => Promise<void>): Promise<void> {
    const { cluster, role, signal } = this.#o
    if (signal.aborted || !(await role.mayAct())) return
    const { engine } = step
    try {
      await body()
      cluster.log.info(describe(step), { node: engine.name })
    } catch (error) {
      cluster.log.warn(`could not do so: ${describe(step)}`, { node: engine.name, error: toMessage(error) })
    }
    const member = cluster.member(engine.addr)
    if (member === undefined) return
    await Promise.all([cluster.changed(member, { what: 'specs' }), cluster.changed(member, { what: 'networks' })])
  }

  async #init(engine: EngineSwarm): Promise<void> {
    const { addressPools, subnetSize = defaultSubnetSize, dataPathPort } = this.#o.overlay
    await this.#send(engine, '/swarm/init', {
      ListenAddr: listen,
      AdvertiseAddr: engine.ip,
      ...(addressPools === undefined ? {} : { DefaultAddrPool: addressPools }),
      SubnetSize: subnetSize,
      ...(dataPathPort === undefined ? {} : { DataPathPort: dataPathPort }),
    })
  }

  async #join(managers: readonly EngineSwarm[], step: Extract<SwarmStep, { kind: 'join' }>): Promise<void> {
    const swarm = await this.#read(managers, '/swarm')
    // Whoever has the token can join: it goes from engine to engine and nowhere else.
    const token = readText(readFields(swarm, 'JoinTokens'), step.as === 'manager' ? 'Manager' : 'Worker')
    await this.#send(step.engine, '/swarm/join', {
      ListenAddr: listen,
      AdvertiseAddr: step.engine.ip,
      RemoteAddrs: managers.map((each) => `${each.ip.includes(':') ? `[${each.ip}]` : each.ip}:2377`),
      JoinToken: token,
    })
  }

  async #promote(managers: readonly EngineSwarm[], engine: EngineSwarm): Promise<void> {
    const [manager] = managers
    if (manager === undefined) return
    const node = await this.#read(managers, `/nodes/${encodeURIComponent(engine.nodeId)}`)
    const index = readNumber(readFields(node, 'Version'), 'Index')
    const path = `/nodes/${encodeURIComponent(engine.nodeId)}/update`
    await this.#send(manager, path, { ...readFields(node, 'Spec'), Role: 'manager' }, { version: index })
  }

  async #read(managers: readonly EngineSwarm[], path: string): Promise<Fields> {
    let failure: unknown = new Error('no manager of the swarm answers')
    for (const { addr } of managers) {
      const member = this.#o.cluster.member(addr)
      if (member === undefined) continue
      try {
        const reply = await member.engine.request({ method: 'GET', path }, { deadlineMs: infoMs })
        const value = await reply.json<unknown>()
        if (isFields(value)) return value
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  async #send(engine: EngineSwarm, path: string, body: Fields, query: EngineRequest['query'] = {}): Promise<void> {
    const member = this.#o.cluster.member(engine.addr)
    if (member === undefined) throw new Error(`engine ${engine.name} has left the cluster`)
    const { signal } = this.#o
    const reply = await member.engine.request({ method: 'POST', path, query, body }, { deadlineMs: stepMs, signal })
    await reply.bytes()
  }
}

function describe(step: SwarmStep): string {
  if (step.kind === 'init') return 'swarm of the engines begun'
  if (step.kind === 'promote') return 'engine made a manager of the swarm'
  return `engine joined the swarm as ${step.as}`
}
