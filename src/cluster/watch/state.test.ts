import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeContainer, makePending, makeRequest } from '../../testing/cluster-builders.ts'
import type { ContainerView, NodeView } from '../model.ts'
import { sumUsage } from '../usage.ts'
import type { Fields } from '../wire.ts'
import { defaultWatchOptions } from './messages.ts'
import type { Effect, Fetch, FetchResult, Message, WakeReason } from './messages.ts'
import { makeEngineState, promise, reduce } from './state.ts'
import type { EngineState } from './state.ts'

const options = { ...defaultWatchOptions, overcommitPercent: 5 }

/** The truth: what one engine has. */
interface Box {
  state: string
  name: string
  port: number
  memory: number
}

/**
 * An engine that changes, tells about it and answers reads, with every answer and event on its own way: tests say
 * when each is looked up and when it arrives.
 */
class Simulation {
  state: EngineState = makeEngineState('a:2375', options)
  readonly logged: string[] = []
  forwarded = 0
  opened = 0
  readonly announced: string[] = []
  readonly wakes: Extract<Effect, { kind: 'wake' }>[] = []
  nowMs = 1_700_000_000_000
  private readonly boxes = new Map<string, Box>()
  private readonly networks = new Map<string, string>()
  private readonly volumes = new Set<string>()
  private readonly images = new Set<string>()
  private readonly unread: { readonly epoch: number; readonly fetch: Fetch }[] = []
  private readonly answers: { readonly epoch: number; readonly fetch: Fetch; readonly result: FetchResult }[] = []
  /** What the engine remembers and tells again from `since` on. */
  private readonly history: (Fields & { readonly time: number })[] = []
  private readonly events: { readonly epoch: number; readonly event: Fields }[] = []
  private streamEpoch = -1
  private count = 0

  send(message: Message): void {
    const before = this.state
    const { state, effects } = reduce(before, message, { nowMs: this.nowMs, random: 0.5 })
    this.state = state
    for (const effect of effects) this.perform(effect)
  }

  private perform(effect: Effect): void {
    switch (effect.kind) {
      case 'fetch':
        this.unread.push({ epoch: effect.epoch, fetch: effect.fetch })
        return
      case 'open-events':
        this.opened += 1
        this.streamEpoch = effect.epoch
        this.events.length = 0
        for (const event of this.history) {
          const isWanted = effect.since !== undefined && event.time >= Number(effect.since)
          if (isWanted) this.events.push({ epoch: effect.epoch, event })
        }
        this.send({ kind: 'events-opened', epoch: effect.epoch })
        return
      case 'loaded':
        this.send({ kind: 'admitted' })
        return
      case 'close':
        this.streamEpoch = -1
        this.events.length = 0
        return
      case 'log':
        this.logged.push(effect.message)
        return
      case 'forward':
        this.forwarded += 1
        return
      case 'announce':
        this.announced.push(effect.action)
        return
      case 'wake':
        this.wakes.push(effect)
        return
      default:
    }
  }

  // --- the engine ---

  private tell(event: Fields): void {
    const dated = { ...event, time: Math.floor(this.nowMs / 1000) + this.history.length + 1 }
    this.history.push(dated)
    if (this.streamEpoch >= 0) this.events.push({ epoch: this.streamEpoch, event: dated })
  }

  act(step: number, pick: number): void {
    const id = [...this.boxes.keys()][pick % Math.max(1, this.boxes.size)]
    const box = id === undefined ? undefined : this.boxes.get(id)
    const container = (action: string, ID: string): Fields => ({ Type: 'container', Action: action, Actor: { ID } })
    switch (step % 9) {
      case 0:
      case 1: {
        this.count += 1
        const fresh = `box${String(this.count)}`
        this.boxes.set(fresh, { state: 'created', name: fresh, port: 0, memory: this.count })
        return this.tell(container('create', fresh))
      }
      case 2:
        if (box === undefined || id === undefined) return
        box.state = 'running'
        box.port = 8000 + this.count
        return this.tell(container('start', id))
      case 3:
        if (box === undefined || id === undefined) return
        box.state = 'exited'
        box.port = 0
        return this.tell(container('die', id))
      case 4:
        if (id === undefined) return
        this.boxes.delete(id)
        return this.tell(container('destroy', id))
      case 5:
        if (box === undefined || id === undefined) return
        this.count += 1
        box.name = `renamed${String(this.count)}`
        return this.tell(container('rename', id))
      case 6:
        if (box === undefined || id === undefined) return
        this.count += 1
        box.memory = this.count
        return this.tell(container('update', id))
      case 7: {
        const network = `net${String(pick % 3)}`
        const action = this.networks.has(network) ? 'destroy' : 'create'
        if (action === 'destroy') this.networks.delete(network)
        else this.networks.set(network, `id-${network}`)
        return this.tell({ Type: 'network', Action: action, Actor: { ID: `id-${network}` } })
      }
      default: {
        const name = `thing${String(pick % 3)}`
        const [set, Type] = pick % 2 === 0 ? [this.volumes, 'volume'] : [this.images, 'image']
        const action = set.has(name) ? 'destroy' : 'create'
        if (action === 'destroy') set.delete(name)
        else set.add(name)
        return this.tell({ Type, Action: action, Actor: { ID: name } })
      }
    }
  }

  // --- the way between ---

  /** The engine looks up one of the reads under way. */
  lookUp(pick: number): void {
    const entry = this.unread.splice(pick % Math.max(1, this.unread.length), 1)[0]
    if (entry !== undefined) this.answers.push({ ...entry, result: { isOk: true, data: this.read(entry.fetch) } })
  }

  failRead(pick: number): void {
    const entry = this.unread.splice(pick % Math.max(1, this.unread.length), 1)[0]
    const failure = { text: 'read failed', isConnection: false }
    if (entry !== undefined) this.answers.push({ ...entry, result: { isOk: false, failure } })
  }

  /** Answers everything that is asked for; with what `answer` gives, else with the truth. */
  answerWith(answer: (fetch: Fetch) => FetchResult | undefined): void {
    for (let entry = this.unread.shift(); entry !== undefined; entry = this.unread.shift()) {
      const result = answer(entry.fetch) ?? { isOk: true, data: this.read(entry.fetch) }
      this.send({ kind: 'fetched', epoch: entry.epoch, fetch: entry.fetch, result })
    }
  }

  arrive(pick: number): void {
    const entry = this.answers.splice(pick % Math.max(1, this.answers.length), 1)[0]
    if (entry !== undefined) this.send({ ...entry, kind: 'fetched' })
  }

  deliverEvent(isRepeated: boolean): void {
    const entry = isRepeated ? this.events[0] : this.events.shift()
    if (entry !== undefined) this.send({ ...entry, kind: 'event' })
  }

  /** The stream ends with what it still carried, and the manager opens another. */
  breakStream(): void {
    if (this.state.phase !== 'ready') return
    this.events.length = 0
    this.streamEpoch = -1
    this.send({ kind: 'events-closed', epoch: this.state.epoch, failure: undefined })
    this.fire('events')
  }

  /** The stream has been silent for long. */
  renew(): void {
    // Events are dated in whole seconds.
    this.nowMs += options.silenceMs + 1000
    this.fire('silence')
  }

  /** The connection of the stream dies without a word: what it carries is lost until it is opened anew. */
  loseEvents(): void {
    this.events.length = 0
    this.streamEpoch = -1
  }

  /** As after a restart of the engine: nothing is told again. */
  forgetHistory(): void {
    this.history.length = 0
    this.events.length = 0
  }

  fire(reason: WakeReason): void {
    const wake = this.wakes.findLast((each) => each.reason === reason)
    if (wake !== undefined) this.send({ kind: 'woke', epoch: wake.epoch, reason, ticket: wake.ticket })
  }

  /** Everything under way arrives, nothing new happens. */
  settle(): void {
    for (let turn = 0; turn < 10_000; turn += 1) {
      if (this.events.length > 0) this.deliverEvent(false)
      else if (this.answers.length > 0) this.arrive(0)
      else if (this.unread.length > 0) this.lookUp(0)
      else if (this.state.tickets.reads !== 0) this.fire('reads')
      else return
    }
    throw new Error('the reducer never stops asking')
  }

  private read(fetch: Fetch): unknown {
    switch (fetch.what) {
      case 'specs':
        return specs()
      case 'containers':
        return [...this.boxes].map(([id, box]) => toRow(id, box))
      case 'container': {
        const box = this.boxes.get(fetch.id)
        if (box === undefined) return { row: undefined, inspect: undefined }
        return { row: toRow(fetch.id, box), inspect: fetch.isInspected ? toInspect(box) : undefined }
      }
      case 'details':
        return fetch.ids.map((id) => {
          const box = this.boxes.get(id)
          return { id, inspect: box === undefined ? undefined : toInspect(box), failure: undefined }
        })
      case 'images':
        return [...this.images].map((tag) => ({ Id: `sha256:${tag}`, RepoTags: [tag], Created: 1 }))
      case 'networks':
        return [...this.networks].map(([name, id]) => ({ Id: id, Name: name, Scope: 'local' }))
      case 'network': {
        const found = [...this.networks].find(([, id]) => id === fetch.id)
        return found === undefined ? undefined : { Id: found[1], Name: found[0], Scope: 'local' }
      }
      case 'volumes':
        return [...this.volumes].map((name) => ({ Name: name, Driver: 'local' }))
      case 'volume':
        return this.volumes.has(fetch.name) ? { Name: fetch.name, Driver: 'local' } : undefined
      default:
        return undefined
    }
  }

  truth(): unknown {
    return {
      containers: [...this.boxes].map(([id, box]) => [id, box.state, box.name, box.port, box.memory].join(' ')).sort(),
      networks: [...this.networks.keys()].sort(),
      volumes: [...this.volumes].sort(),
      images: [...this.images].sort(),
    }
  }

  shown(): unknown {
    const { node } = this.state
    return {
      containers: node.containers.map(describeContainer).sort(),
      networks: node.networks.map((each) => each.name).sort(),
      volumes: node.volumes.map((each) => each.name).sort(),
      images: node.images.flatMap((each) => each.repoTags).sort(),
    }
  }
}

function describeContainer(container: ContainerView): string {
  const port = container.published[0]?.publicPort ?? 0
  return [container.id, container.state, container.names[0], port, container.memoryBytes].join(' ')
}

const SystemTime = new Date(1_700_000_000_000).toISOString()

function specs(over: Fields = {}): unknown {
  const info = {
    ID: 'engine-a',
    Name: 'a',
    NCPU: 2,
    MemTotal: 1000,
    OSType: 'linux',
    Driver: 'overlay2',
    SystemTime,
    ...over,
  }
  return { info, version: { ApiVersion: '1.41', MinAPIVersion: '1.12' }, ip: '127.0.0.1' }
}

function toRow(id: string, box: Box): Fields {
  const port = { IP: '0.0.0.0', PrivatePort: 80, PublicPort: box.port, Type: 'tcp' }
  const Ports = box.port === 0 ? [] : [port]
  return { Id: id, Names: [`/${box.name}`], State: box.state, Status: '', Created: 1, Labels: {}, Ports }
}

function toInspect(box: Box): Fields {
  return {
    State: { Status: box.state },
    HostConfig: { Memory: box.memory },
    Config: {},
    Created: '2026-01-01T00:00:00Z',
  }
}

function makeReady(setUp: (simulation: Simulation) => void = () => undefined): Simulation {
  const simulation = new Simulation()
  setUp(simulation)
  simulation.send({ kind: 'added' })
  simulation.settle()
  expect(simulation.state.phase).toBe('ready')
  return simulation
}

const refused = { text: 'connection refused', isConnection: true }

describe('convergence', () => {
  const step = fc.tuple(
    fc.constantFrom('act', 'act', 'look', 'look', 'arrive', 'arrive', 'event', 'event', 'repeat'),
    fc.nat(50),
    fc.nat(50),
  )

  it('any interleaving of events, reads and answers ends at the truth', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(50), { maxLength: 6, size: 'max' }),
        fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }),
        (before, steps) => {
          const simulation = new Simulation()
          for (const each of before) simulation.act(each, each)
          simulation.send({ kind: 'added' })
          for (const [kind, number, pick] of steps) perform(simulation, kind, number, pick)
          simulation.settle()
          expect(simulation.shown()).toEqual(simulation.truth())
        },
      ),
      { numRuns: 1000, endOnFailure: true },
    )
  })

  it('refreshes and broken streams in between change nothing about that', () => {
    const rough = fc.oneof(
      { weight: 9, arbitrary: step },
      {
        weight: 1,
        arbitrary: fc.tuple(
          fc.constantFrom('break', 'refresh', 'ping', 'fail', 'renew', 'die'),
          fc.nat(50),
          fc.nat(50),
        ),
      },
    )
    fc.assert(
      fc.property(fc.array(rough, { maxLength: 120, size: 'max' }), (steps) => {
        const simulation = makeReady()
        for (const [kind, number, pick] of steps) perform(simulation, kind, number, pick)
        simulation.renew()
        simulation.settle()
        // A read that failed is made up for by a probe, after many failures one of the next minute.
        for (let turn = 0; turn < 2; turn += 1) {
          simulation.nowMs += 60_000
          simulation.fire('probe')
          simulation.settle()
        }
        expect(simulation.shown()).toEqual(simulation.truth())
        expect(simulation.state.node.usage).toEqual(sumUsage(simulation.state.node.containers))
      }),
      { numRuns: 1000, endOnFailure: true },
    )
  })

  it('an answer read before a gap in the events does not stand against the list read after it', () => {
    const simulation = makeReady((each) => each.act(0, 0))
    const { id } = simulation.state.node.containers[0]!
    simulation.send({ kind: 'touched', fetch: { what: 'container', id, isInspected: true } })
    simulation.lookUp(0)
    simulation.act(2, 0)
    simulation.breakStream()
    simulation.forgetHistory()
    simulation.arrive(0)
    simulation.settle()
    expect(simulation.shown()).toEqual(simulation.truth())
  })

  function perform(simulation: Simulation, kind: string, number: number, pick: number): void {
    switch (kind) {
      case 'act':
        return simulation.act(number, pick)
      case 'look':
        return simulation.lookUp(pick)
      case 'arrive':
        return simulation.arrive(pick)
      case 'event':
        return simulation.deliverEvent(false)
      case 'repeat':
        return simulation.deliverEvent(true)
      case 'break':
        return simulation.breakStream()
      case 'refresh':
        return simulation.fire('refresh')
      case 'renew':
        return simulation.renew()
      case 'die':
        return simulation.loseEvents()
      case 'ping':
        return simulation.fire('probe')
      case 'fail':
        return simulation.state.phase === 'ready' ? simulation.failRead(pick) : undefined
      default:
        throw new Error(kind)
    }
  }
})

describe('a silent event stream', () => {
  const id = 'box1'

  it('is opened anew, without reading anything again when nothing was missed', () => {
    const simulation = makeReady()
    const { node } = simulation.state
    simulation.renew()
    expect(simulation.opened).toBe(2)
    expect(simulation.state.flights.size).toBe(0)
    expect(simulation.state.node).toBe(node)
  })

  it('that had ended without a word is made up for with one list', () => {
    const simulation = makeReady((each) => each.act(0, 0))
    simulation.loseEvents()
    simulation.act(2, 0)
    simulation.nowMs += 20_000
    simulation.renew()
    simulation.settle()
    expect(simulation.logged).toContain('The event stream of engine a had ended without a word')
    expect(simulation.state.node.containers.map((each) => `${each.id} ${each.state}`)).toEqual([`${id} running`])
  })

  it('that tells something is left alone', () => {
    const simulation = makeReady((each) => each.act(0, 0))
    simulation.nowMs += options.silenceMs - 1000
    simulation.act(2, 0)
    simulation.settle()
    simulation.nowMs += 2000
    simulation.fire('silence')
    expect(simulation.opened).toBe(1)
  })
})

describe('validation', () => {
  it('reads specs, then everything, and comes into service with all containers described', () => {
    const simulation = makeReady((each) => {
      each.act(0, 0)
      each.act(2, 0)
    })
    const { node } = simulation.state
    expect(node).toMatchObject({ id: 'engine-a|a:2375', name: 'a', health: { state: 'healthy', indicator: 100 } })
    expect(node.containers.every((each) => !each.isPartial)).toBe(true)
    expect([node.totalCpus, node.totalMemoryBytes]).toEqual([2, 1050])
    expect(simulation.announced).toEqual(['engine_connect'])
    expect(simulation.logged).toEqual(['Registered Engine a at a:2375'])
  })

  function answerSpecs(over: Fields): Simulation {
    const simulation = new Simulation()
    simulation.send({ kind: 'added' })
    const result = { isOk: true, data: specs(over) } as const
    simulation.send({ kind: 'fetched', epoch: simulation.state.epoch, fetch: { what: 'specs' }, result })
    return simulation
  }

  it.each([
    [{ NCPU: 0 }, 'cannot get resources for this engine, make sure a:2375 is a Docker Engine, not a Swarm manager'],
    [
      { Labels: ['rack'] },
      'Engine (ID: engine-a, Addr: a:2375) contains an invalid label (rack) not formatted as "key=value".',
    ],
  ])('refuses %j and tries again', (over, text) => {
    const simulation = answerSpecs(over)
    expect(simulation.state).toMatchObject({ phase: 'idle', node: { errorText: text, health: { state: 'pending' } } })
    expect(simulation.wakes.at(-1)).toMatchObject({ reason: 'validate' })
    simulation.fire('validate')
    simulation.settle()
    expect(simulation.state.phase).toBe('ready')
    expect(simulation.state.node.errorText).toBe('')
  })

  it('takes the first of clashing labels and no label called node', () => {
    const simulation = answerSpecs({ Labels: ['storagedriver=mine', 'rack=1', 'node=x', 'rack=2'] })
    expect(Object.fromEntries(simulation.state.node.labels)).toMatchObject({ storagedriver: 'overlay2', rack: '1' })
    expect(simulation.state.node.labels.has('node')).toBe(false)
    expect(simulation.logged).toHaveLength(3)
  })

  it('of a swarm that has been made is read now and a moment later: the engine tells of it before it is in it', () => {
    const simulation = makeReady(() => {})
    const event = { Type: 'node', Action: 'update', Actor: { ID: 'x', Attributes: {} }, time: 1 }
    simulation.send({ kind: 'event', epoch: simulation.state.epoch, event })
    simulation.fire('reads')
    simulation.settle()
    expect(simulation.state.node.swarmRole).toBe('none')
    const data = specs({ Swarm: { LocalNodeState: 'active', ControlAvailable: true } })
    simulation.fire('specs')
    simulation.answerWith((fetch) => (fetch.what === 'specs' ? { isOk: true, data } : undefined))
    expect(simulation.state.node.swarmRole).toBe('manager')
  })

  it('waits longer after each failure, up to a minute and a quarter', () => {
    const simulation = new Simulation()
    simulation.send({ kind: 'added' })
    const delays: number[] = []
    for (let turn = 0; turn < 9; turn += 1) {
      const result = { isOk: false, failure: refused } as const
      simulation.send({ kind: 'fetched', epoch: simulation.state.epoch, fetch: { what: 'specs' }, result })
      delays.push(simulation.wakes.at(-1)!.afterMs)
      simulation.fire('validate')
    }
    expect(delays).toEqual([2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000])
    expect(simulation.state.node.errorText).toBe('connection refused')
  })

  it('drops answers of an earlier try', () => {
    const simulation = makeReady()
    const { state } = simulation
    const late: Message = {
      kind: 'fetched',
      epoch: state.epoch - 1,
      fetch: { what: 'containers' },
      result: { isOk: true, data: [] },
    }
    simulation.send(late)
    expect(simulation.state).toBe(state)
  })

  it('an engine the cluster did not let in shows why and tries again', () => {
    const simulation = new Simulation()
    const base = makeReady()
    simulation.state = { ...base.state, phase: 'loaded' }
    simulation.send({ kind: 'rejected', text: 'ID duplicated' })
    expect(simulation.state.node).toMatchObject({
      errorText: 'ID duplicated',
      containers: [],
      health: { state: 'pending' },
    })
    expect(simulation.wakes.at(-1)).toMatchObject({ reason: 'validate', afterMs: 30_000 })
  })

  it('another engine ID under the same address is another engine', () => {
    const simulation = makeReady((each) => each.act(0, 0))
    simulation.send({ kind: 'touched', fetch: { what: 'specs' } })
    const result = { isOk: true, data: specs({ ID: 'engine-b' }) } as const
    simulation.send({ kind: 'fetched', epoch: simulation.state.epoch, fetch: { what: 'specs' }, result })
    expect(simulation.state.node).toMatchObject({
      errorText:
        'Engine (ID: engine-a, Addr: a:2375) shows up with another ID:engine-b. Please remove it from cluster, it can be added back.',
      containers: [],
      health: { state: 'pending' },
    })
    expect(simulation.announced.at(-1)).toBe('engine_disconnect')
  })
})

describe('health', () => {
  function failCalls(simulation: Simulation, count: number): void {
    for (let turn = 0; turn < count; turn += 1) simulation.send({ kind: 'called', failure: refused })
  }

  it('falls with each connection failure and is gone after the third', () => {
    const simulation = makeReady()
    const seen: unknown[] = []
    for (let turn = 0; turn < 3; turn += 1) {
      failCalls(simulation, 1)
      const { health } = simulation.state.node
      seen.push([health.state, health.indicator])
    }
    expect(seen).toEqual([
      ['healthy', 67],
      ['healthy', 34],
      ['unhealthy', 0],
    ])
    expect(simulation.logged.at(-1)).toBe('Flagging engine as unhealthy. Connect failed 3 times')
    expect(simulation.announced).toEqual(['engine_connect', 'engine_disconnect'])
    expect(simulation.state.node.errorText).toBe('connection refused')
  })

  it('knows since when it is in its state', () => {
    const simulation = makeReady()
    const startMs = simulation.state.node.stateSinceMs
    expect(startMs).toBe(simulation.nowMs)
    simulation.nowMs += 60_000
    failCalls(simulation, 2)
    expect(simulation.state.node.stateSinceMs).toBe(startMs)
    failCalls(simulation, 1)
    expect(simulation.state.node.stateSinceMs).toBe(startMs + 60_000)
    simulation.nowMs += 60_000
    failCalls(simulation, 1)
    expect(simulation.state.node.stateSinceMs).toBe(startMs + 60_000)
    simulation.send({ kind: 'called', failure: undefined })
    expect(simulation.state.node.stateSinceMs).toBe(startMs + 120_000)
  })

  it('an answer with an error is an answer', () => {
    const simulation = makeReady()
    for (let turn = 0; turn < 9; turn += 1) {
      simulation.send({ kind: 'called', failure: { text: 'server error', isConnection: false } })
    }
    expect(simulation.state.node.health.failures).toBe(0)
  })

  it('comes back with one answer, resumes events and reads everything again', () => {
    const simulation = makeReady()
    failCalls(simulation, 5)
    simulation.act(0, 0)
    simulation.send({ kind: 'called', failure: undefined })
    expect(simulation.state.node.health).toEqual({ state: 'healthy', failures: 0, indicator: 100 })
    expect(simulation.logged.at(-1)).toBe('Engine came back to life after 5 retries. Hooray!')
    expect(simulation.announced.at(-1)).toBe('engine_reconnect')
    simulation.settle()
    expect(simulation.shown()).toEqual(simulation.truth())
  })

  it('is read in the usual rhythm from the moment it comes back, however long it was away', () => {
    const simulation = makeReady()
    failCalls(simulation, 500)
    simulation.fire('refresh')
    expect(simulation.wakes.at(-1)).toMatchObject({ reason: 'refresh', afterMs: 30_000 * 498 + 15_000 })
    const before = simulation.wakes.length
    simulation.send({ kind: 'called', failure: undefined })
    const since = simulation.wakes.slice(before).filter((wake) => wake.reason === 'refresh')
    expect(since.map((wake) => wake.afterMs)).toEqual([45_000])
  })

  it('a broken event stream brings a probe at once', () => {
    const simulation = makeReady()
    simulation.send({ kind: 'events-closed', epoch: simulation.state.epoch, failure: refused })
    expect(simulation.state.flights.has('ping')).toBe(true)
  })

  it('probes quickly while in doubt, ever slower afterwards, and failing calls do not put it off', () => {
    const simulation = makeReady()
    const delays: number[] = []
    for (let turn = 0; turn < 9; turn += 1) {
      simulation.fire('probe')
      const result = { isOk: false, failure: refused } as const
      simulation.send({ kind: 'fetched', epoch: simulation.state.epoch, fetch: { what: 'ping' }, result })
      const last = simulation.wakes.at(-1)!
      delays.push(last.afterMs)
      failCalls(simulation, 1)
      expect(simulation.wakes.at(-1)).toBe(last)
    }
    expect(delays).toEqual([1000, 1000, 4000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000])
  })

  it('a probe of an engine that is out of service may take longer: its way may have to be opened first', () => {
    const simulation = makeReady()
    const probes: (Fetch | undefined)[] = []
    for (let turn = 0; turn < 4; turn += 1) {
      simulation.fire('probe')
      simulation.answerWith((fetch) => {
        probes.push(fetch)
        return { isOk: false, failure: refused }
      })
    }
    expect(probes).toEqual([
      { what: 'ping', isPatient: false },
      { what: 'ping', isPatient: false },
      { what: 'ping', isPatient: false },
      { what: 'ping', isPatient: true },
    ])
  })

  it('successful calls to a healthy engine leave the state as it is', () => {
    const { state } = makeReady()
    expect(reduce(state, { kind: 'called', failure: undefined }, { nowMs: 0, random: 0 })).toEqual({
      state,
      effects: [],
    })
  })

  it('an event that a resumed stream tells again is not forwarded again', () => {
    const simulation = makeReady()
    simulation.act(0, 0)
    simulation.settle()
    simulation.breakStream()
    simulation.act(0, 0)
    simulation.settle()
    expect(simulation.forwarded).toBe(2)
  })

  it('removal is final', () => {
    const simulation = makeReady((each) => each.act(0, 0))
    simulation.send({ kind: 'removed' })
    expect(simulation.state.node).toMatchObject({ containers: [], health: { state: 'disconnected' } })
    expect(simulation.announced.at(-1)).toBe('engine_disconnect')
    expect(simulation.logged.at(-1)).toBe('Removed Engine a')
    const { state } = simulation
    simulation.send({ kind: 'added' })
    expect(simulation.state).toBe(state)
  })
})

describe('what our own calls did', () => {
  const created = makeContainer('web', {
    id: 'new',
    swarmId: 's1',
    state: 'created',
    isPartial: true,
  })

  function withCreated(simulation: Simulation): NodeView {
    simulation.send({ kind: 'created', container: created })
    return simulation.state.node
  }

  it('shows a created container at once and ends its promise', () => {
    const simulation = makeReady()
    simulation.state = promise(simulation.state, { ...makePending(makeRequest(), 'a', 'p1'), swarmId: 's1' })
    expect(simulation.state.node.usage.containers).toBe(1)
    const node = withCreated(simulation)
    expect(node.pending).toEqual([])
    expect(node.usage.containers).toBe(1)
  })

  it('a list that was read before the create does not hide it', () => {
    const simulation = makeReady()
    simulation.fire('refresh')
    for (let turn = 0; turn < 4; turn += 1) simulation.lookUp(0)
    withCreated(simulation)
    for (let turn = 0; turn < 4; turn += 1) simulation.arrive(0)
    expect(simulation.state.node.containers.map((each) => each.id)).toEqual(['new'])
  })

  it('an answer read before our start does not undo it', () => {
    const simulation = makeReady((each) => each.act(0, 0))
    const { id } = simulation.state.node.containers[0]!
    simulation.send({ kind: 'touched', fetch: { what: 'container', id, isInspected: true } })
    simulation.send({ kind: 'hurried' })
    simulation.lookUp(0)
    simulation.send({ kind: 'assumed', id, change: { state: 'running' } })
    simulation.arrive(0)
    expect(simulation.state.node.containers[0]?.state).toBe('running')
    simulation.settle()
    expect(simulation.shown()).toEqual(simulation.truth())
  })

  it('a list read before our removal does not bring the container back', () => {
    const simulation = makeReady((each) => each.act(0, 0))
    const { id } = simulation.state.node.containers[0]!
    simulation.fire('refresh')
    for (let turn = 0; turn < 4; turn += 1) simulation.lookUp(0)
    simulation.send({ kind: 'forgotten', id })
    for (let turn = 0; turn < 4; turn += 1) simulation.arrive(0)
    expect(simulation.state.node.containers).toEqual([])
  })
})

describe('reads that fail', () => {
  const serverError = { text: 'layer does not exist', isConnection: false }

  /** Answers everything that is asked for; what `failureOf` has words for fails. */
  function answerAll(simulation: Simulation, failureOf: (fetch: Fetch) => FetchResult | undefined): number {
    let asked = 0
    simulation.answerWith((fetch) => {
      asked += 1
      return failureOf(fetch)
    })
    return asked
  }

  /** A container whose details the engine cannot tell: its layers are damaged, say. */
  function refuseDetails(fetch: Fetch): FetchResult | undefined {
    if (fetch.what !== 'details') return undefined
    return { isOk: true, data: fetch.ids.map((id) => ({ id, inspect: undefined, failure: serverError })) }
  }

  it('a container that cannot be described is asked for with the next refresh, and told once', () => {
    const simulation = makeReady()
    simulation.act(0, 0)
    simulation.send({ kind: 'touched', fetch: { what: 'containers' } })
    answerAll(simulation, refuseDetails)
    for (let probe = 0; probe < 5; probe += 1) {
      simulation.fire('probe')
      expect(answerAll(simulation, refuseDetails)).toBe(1)
    }
    simulation.fire('refresh')
    expect(answerAll(simulation, refuseDetails)).toBe(5)
    expect(simulation.logged.filter((line) => line.includes('layer does not exist'))).toHaveLength(1)
    simulation.fire('refresh')
    simulation.settle()
    expect(simulation.shown()).toEqual(simulation.truth())
  })

  it('a list that always fails does not make its engine read all others with every probe, and is told once a minute', () => {
    const simulation = makeReady()
    const refuseVolumes = (fetch: Fetch): FetchResult | undefined =>
      fetch.what === 'volumes' ? { isOk: false, failure: serverError } : undefined
    simulation.fire('refresh')
    answerAll(simulation, refuseVolumes)
    let asked = 0
    for (let probe = 0; probe < 60; probe += 1) {
      simulation.nowMs += 3000
      simulation.fire('probe')
      asked += answerAll(simulation, refuseVolumes) - 1
    }
    // Three minutes of probes: soon at first, then no oftener than a refresh.
    expect(asked).toBeGreaterThanOrEqual(4 * 4)
    expect(asked).toBeLessThanOrEqual(9 * 4)
    expect(simulation.logged.filter((line) => line.startsWith('cannot read volumes')).length).toBeLessThanOrEqual(4)
    simulation.act(8, 0)
    simulation.nowMs += 60_000
    simulation.fire('probe')
    simulation.settle()
    expect(simulation.shown()).toEqual(simulation.truth())
  })

  it('lists that failed together once are read again with the next probe', () => {
    const simulation = makeReady()
    simulation.act(8, 0)
    simulation.act(8, 1)
    simulation.fire('refresh')
    answerAll(simulation, () => ({ isOk: false, failure: serverError }))
    simulation.fire('probe')
    simulation.settle()
    expect(simulation.shown()).toEqual(simulation.truth())
  })

  it('specs that could not be read are read with the next refresh', () => {
    const simulation = makeReady()
    simulation.send({ kind: 'touched', fetch: { what: 'specs' } })
    answerAll(simulation, (fetch) => (fetch.what === 'specs' ? { isOk: false, failure: serverError } : undefined))
    simulation.fire('refresh')
    expect(simulation.state.flights.has('specs')).toBe(true)
  })

  it('specs are read in the usual rhythm after the clock was set back', () => {
    const simulation = makeReady()
    simulation.nowMs -= 365 * 86_400_000
    simulation.fire('refresh')
    expect(simulation.state.flights.has('specs')).toBe(true)
  })
})

describe('clock skew', () => {
  it('moves times by the difference, and leaves small differences alone', () => {
    const simulation = makeReady((each) => each.act(0, 0))
    const createdAtMs = simulation.state.node.containers[0]!.createdAtMs
    function report(offsetMs: number): void {
      simulation.send({ kind: 'touched', fetch: { what: 'specs' } })
      const told = new Date(simulation.nowMs - offsetMs).toISOString()
      const result = { isOk: true, data: specs({ SystemTime: told }) } as const
      simulation.send({ kind: 'fetched', epoch: simulation.state.epoch, fetch: { what: 'specs' }, result })
    }
    report(1500)
    expect(simulation.state.node.clockDeltaMs).toBe(0)
    report(3_600_000)
    expect(simulation.state.node.clockDeltaMs).toBe(3_600_000)
    expect(simulation.state.node.containers[0]!.createdAtMs).toBe(createdAtMs + 3_600_000)
    report(3_600_900)
    expect(simulation.state.node.clockDeltaMs).toBe(3_600_000)
    expect(simulation.logged.filter((line) => line.includes('unsynchronized'))).toEqual([
      'Engine (ID: engine-a, Addr: a:2375) has unsynchronized clock: off by 3600000ms',
    ])
  })

  it('an answer that was long in coming says nothing of the clock', () => {
    const simulation = makeReady()
    const tell = (sentMs: number, tookMs: number): void => {
      simulation.send({ kind: 'touched', fetch: { what: 'specs' } })
      const told = new Date(simulation.nowMs - sentMs).toISOString()
      const data = { ...(specs({ SystemTime: told }) as object), tookMs }
      const result = { isOk: true, data } as const
      simulation.send({ kind: 'fetched', epoch: simulation.state.epoch, fetch: { what: 'specs' }, result })
    }
    tell(8000, 9000)
    expect(simulation.state.node.clockDeltaMs).toBe(0)
    tell(60_000, 9000)
    expect(simulation.state.node.clockDeltaMs).toBe(51_000)
    tell(-60_000, 9000)
    expect(simulation.state.node.clockDeltaMs).toBe(-60_000)
  })
})
