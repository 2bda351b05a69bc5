import { describe, expect, it } from 'vitest'
import { makeClaim, makeContainer, makePending, makeRequest } from '../testing/cluster-builders.ts'
import { defaultFilters } from './filters/default-filters.ts'
import { Fleet } from './fleet.ts'
import type { FleetEffect } from './fleet.ts'
import type { Reservation } from './request.ts'
import type { PlacementRequest } from './placement.ts'
import { spreadStrategy } from './strategies/spread.ts'
import { defaultWatchOptions } from './watch/messages.ts'
import type { Fetch } from './watch/messages.ts'
import type { Fields } from './wire.ts'

const context = { nowMs: 1000, random: 0.5 }
const chance = { next: () => 0 }

/** What one invented engine says of itself. */
interface Said {
  readonly id: string
  readonly name: string
  readonly bridge: string
  readonly rows?: readonly Fields[]
}

/** A fleet whose engines answer at once with what they were told to say. */
class Lab {
  readonly fleet = new Fleet({
    policy: { filters: defaultFilters, strategy: spreadStrategy },
    watch: { ...defaultWatchOptions, overcommitPercent: 0 },
  })
  readonly said = new Map<string, Said>()
  readonly announced: string[] = []
  readonly warned: string[] = []

  discover(addresses: readonly string[]): void {
    this.run(this.fleet.setAddresses(addresses, context))
  }

  run(effects: readonly FleetEffect[]): void {
    for (const { addr, effect } of effects) {
      if (effect.kind === 'log' && effect.level === 'warn') this.warned.push(effect.message)
      if (effect.kind === 'announce') this.announced.push(`${addr} ${effect.action}`)
      if (effect.kind === 'open-events') {
        this.run(this.fleet.dispatch(addr, { kind: 'events-opened', epoch: effect.epoch }, context))
      }
      if (effect.kind !== 'fetch') continue
      const said = this.said.get(addr)
      const { epoch, fetch } = effect
      const result =
        said === undefined
          ? ({ isOk: false, failure: { text: 'connection refused', isConnection: true } } as const)
          : ({ isOk: true, data: answer(said, fetch) } as const)
      this.run(this.fleet.dispatch(addr, { kind: 'fetched', epoch, fetch, result }, context))
    }
  }

  add(addr: string, said: Partial<Said> = {}): void {
    const name = addr.split(':')[0]!
    this.said.set(addr, { id: `${name}-id`, name, bridge: `${name}-bridge`, ...said })
  }

  fail(addr: string, times: number): void {
    const failure = { text: 'connection refused', isConnection: true }
    for (let turn = 0; turn < times; turn += 1)
      this.run(this.fleet.dispatch(addr, { kind: 'called', failure }, context))
  }

  /** The time is over that an engine was to wait for. */
  wake(addr: string, reason: 'validate'): void {
    const { epoch, tickets } = this.fleet.state(addr)!
    this.run(this.fleet.dispatch(addr, { kind: 'woke', epoch, reason, ticket: tickets[reason] }, context))
  }

  states(): unknown {
    return this.fleet.snapshot().nodes.map((node) => `${node.addr} ${node.health.state}`)
  }
}

function answer(said: Said, fetch: Fetch): unknown {
  switch (fetch.what) {
    case 'specs': {
      const info = { ID: said.id, Name: said.name, NCPU: 2, MemTotal: 1000 }
      return { info, version: { ApiVersion: '1.41' }, ip: '10.0.0.1' }
    }
    case 'containers':
      return said.rows ?? []
    case 'networks':
      return [{ Id: said.bridge, Name: 'bridge', Scope: 'local' }]
    case 'details':
      return fetch.ids.map((id) => ({ id, inspect: { State: {}, HostConfig: {}, Config: {} }, failure: undefined }))
    case 'container':
      return {
        row: said.rows?.find((row) => row['Id'] === fetch.id),
        inspect: { State: {}, HostConfig: {}, Config: {} },
      }
    default:
      return []
  }
}

function reservation(request: PlacementRequest, id: string, expiresAtMs = 9999): Reservation {
  const { nodeId: _, ...rest } = makePending(request, '', id)
  return { ...rest, expiresAtMs }
}

describe('engines', () => {
  it('come and go with discovery', () => {
    const lab = new Lab()
    lab.add('a:1')
    lab.add('b:1')
    lab.discover(['a:1', 'b:1'])
    expect(lab.states()).toEqual(['a:1 healthy', 'b:1 healthy'])
    lab.discover(['b:1'])
    expect(lab.states()).toEqual(['b:1 healthy'])
    expect(lab.announced).toEqual(['a:1 engine_connect', 'b:1 engine_connect', 'a:1 engine_disconnect'])
  })

  it('stay when the whole list vanishes, until they fail themselves', () => {
    const lab = new Lab()
    for (const addr of ['a:1', 'b:1']) lab.add(addr)
    lab.discover(['a:1', 'b:1'])
    lab.discover([])
    expect(lab.states()).toEqual(['a:1 healthy', 'b:1 healthy'])
    lab.fail('a:1', 3)
    expect(lab.states()).toEqual(['b:1 healthy'])
    lab.discover(['b:1'])
    lab.fail('b:1', 3)
    expect(lab.states()).toEqual(['b:1 unhealthy'])
  })

  it('are probed less often in a large fleet', () => {
    const lab = new Lab()
    lab.discover(['a:1'])
    expect(lab.fleet.state('a:1')?.options.probeMs).toBe(3000)
    lab.discover(['a:1', ...Array.from({ length: 1999 }, (_, index) => `n${String(index)}:1`)])
    expect(lab.fleet.state('a:1')?.options.probeMs).toBe(10_000)
    expect(lab.fleet.state('n7:1')?.options.probeMs).toBe(10_000)
  })

  it('that do not answer are shown with the reason', () => {
    const lab = new Lab()
    lab.discover(['gone:1'])
    expect(lab.fleet.snapshot().nodes[0]).toMatchObject({
      errorText: 'connection refused',
      health: { state: 'pending' },
    })
  })

  it('a copied machine waits, its error names both addresses, and the first is untouched', () => {
    const lab = new Lab()
    lab.add('a:1', { id: 'same' })
    lab.add('b:1', { id: 'same', name: 'b' })
    lab.discover(['a:1', 'b:1'])
    expect(lab.states()).toEqual(['a:1 healthy', 'b:1 pending'])
    expect(lab.fleet.node('b:1')?.errorText).toMatch(
      /^ID duplicated\. ID shared by this node b:1 and another node a:1\. Remove/,
    )
    lab.discover(['b:1'])
    expect(lab.states()).toEqual(['b:1 healthy'])
  })

  it('one engine under two addresses is counted once, and is found under the other when the first goes', () => {
    const lab = new Lab()
    lab.add('a:1', { id: 'same', name: 'n', bridge: 'br' })
    lab.add('b:1', { id: 'same', name: 'n', bridge: 'br' })
    lab.discover(['a:1', 'b:1'])
    expect(lab.states()).toEqual(['a:1 healthy'])
    lab.discover(['b:1'])
    expect(lab.states()).toEqual(['b:1 healthy'])
  })

  describe('under two addresses', () => {
    function pair(over: Partial<Said> = {}): Lab {
      const lab = new Lab()
      const rows = [{ Id: 'c1', Names: ['/web'], State: 'running', Created: 1, Image: 'busybox' }]
      lab.add('a:1', { id: 'same', name: 'n', bridge: 'br', rows })
      lab.add('b:1', { id: 'same', name: 'n', bridge: 'br', rows, ...over })
      lab.discover(['a:1', 'b:1'])
      lab.warned.length = 0
      return lab
    }

    it('the second takes over as soon as the first does not answer, and gives nothing back when it does again', () => {
      const lab = pair()
      lab.fail('a:1', 2)
      expect(lab.states()).toEqual(['a:1 healthy'])
      const gone = lab.said.get('a:1')!
      lab.said.delete('a:1')
      lab.fail('a:1', 1)
      expect(lab.states()).toEqual(['b:1 healthy'])
      expect(lab.fleet.directory.containersNamed('web').map(({ node }) => node.addr)).toEqual(['b:1'])
      expect(lab.announced).toEqual(['a:1 engine_connect', 'a:1 engine_disconnect', 'b:1 engine_connect'])
      expect(lab.warned).toEqual([
        expect.stringContaining('Engine at a:1 is the engine at b:1 (n) under another address'),
      ])
      lab.said.set('a:1', gone)
      lab.wake('a:1', 'validate')
      expect(lab.states()).toEqual(['b:1 healthy'])
      lab.fail('b:1', 3)
      expect(lab.states()).toEqual(['a:1 healthy'])
    })

    it('nothing is said of an engine that does not answer until it has been asked at the other', () => {
      const lab = pair()
      const asked: FleetEffect[] = []
      const failure = { text: 'connection refused', isConnection: true }
      for (let turn = 0; turn < 3; turn += 1)
        asked.push(...lab.fleet.dispatch('a:1', { kind: 'called', failure }, context))
      expect(lab.fleet.isAskedElsewhere('same')).toBe(true)
      lab.said.delete('b:1')
      lab.run(asked)
      expect([lab.states(), lab.fleet.isAskedElsewhere('same')]).toEqual([['a:1 unhealthy'], false])
    })

    it('a copied machine does not take over: it is another engine', () => {
      const lab = pair({ bridge: 'other' })
      lab.fail('a:1', 3)
      expect(lab.states()).toEqual(['a:1 unhealthy', 'b:1 pending'])
      expect(lab.fleet.isAskedElsewhere('same')).toBe(false)
    })

    it('one that was restarted and answers at its second only is not called a copy, and comes in when the first leaves', () => {
      const lab = pair()
      lab.said.delete('a:1')
      lab.add('b:1', { id: 'same', name: 'n', bridge: 'of this start' })
      lab.fail('a:1', 3)
      expect(lab.states()).toEqual(['a:1 unhealthy', 'b:1 pending'])
      expect(lab.fleet.node('b:1')?.errorText).toBe(
        'Engine at b:1 has ID and name of the engine at a:1 (n), which does not answer: it is that engine after a restart, or a copy of its machine. If it is the same engine, remove a:1 from discovery, or mend the way to it; if it is a copy, remove the key file (/etc/docker/key.json or DATA-ROOT/engine-id) there and restart it.',
      )
      expect(lab.warned).toEqual([expect.stringContaining('after a restart, or a copy')])
      lab.discover(['b:1'])
      expect(lab.states()).toEqual(['b:1 healthy'])
    })
  })
})

describe('promises and names', () => {
  function ready(): Lab {
    const lab = new Lab()
    lab.add('a:1')
    lab.discover(['a:1'])
    return lab
  }

  it('of two creates with one name one wins', () => {
    const { fleet } = ready()
    const request = makeRequest({ name: 'web' })
    expect(fleet.place(request, reservation(request, 'p1'), chance).kind).toBe('placed')
    expect(fleet.place(request, reservation(request, 'p2'), chance)).toEqual({
      kind: 'name-taken',
      text: 'Conflict: The name web is already assigned. You have to delete (or rename) that container to be able to assign web to a container again.',
    })
    fleet.release('p1')
    expect(fleet.place(request, reservation(request, 'p2'), chance).kind).toBe('placed')
  })

  it('a name that an engine already uses is taken, in any state', () => {
    const lab = new Lab()
    lab.add('a:1', { rows: [{ Id: 'x', Names: ['/web', '/other/alias'], State: 'exited' }] })
    lab.discover(['a:1'])
    const web = makeRequest({ name: 'web' })
    expect(lab.fleet.place(web, reservation(web, 'p1'), chance).kind).toBe('name-taken')
    const alias = makeRequest({ name: 'alias' })
    expect(lab.fleet.place(alias, reservation(alias, 'p2'), chance).kind).toBe('placed')
    expect(lab.fleet.reserveName('web')?.kind).toBe('name-taken')
    expect(lab.fleet.reserveName('web', 'x')).toBeUndefined()
    lab.fleet.releaseName('web')
  })

  it('a name used on two engines behind our back is reported once, with both', () => {
    const lab = new Lab()
    lab.add('a:1', { rows: [{ Id: 'x', Names: ['/web'], State: 'running' }] })
    lab.add('b:1', { rows: [{ Id: 'y', Names: ['/web'], State: 'running' }] })
    lab.discover(['a:1', 'b:1'])
    const change = { state: 'exited' } as const
    lab.run(lab.fleet.dispatch('b:1', { kind: 'assumed', id: 'y', change }, context))
    expect(lab.warned).toEqual([
      'container name web is used on more than one engine: tell them apart as a/web and b/web',
    ])
    expect(lab.fleet.snapshot().nodes.flatMap((node) => node.containers)).toHaveLength(2)
  })

  it('a promise takes ports and resources until it is released', () => {
    const { fleet } = ready()
    const request = makeRequest({ ports: [makeClaim(80)] })
    fleet.place(request, reservation(request, 'p1'), chance)
    expect(fleet.place(request, reservation(request, 'p2'), chance).kind).toBe('refused')
    fleet.release('p1')
    fleet.release('p1')
    expect(fleet.node('a:1')?.usage).toMatchObject({ containers: 0 })
    expect(fleet.place(request, reservation(request, 'p3'), chance).kind).toBe('placed')
  })

  it('promises that nobody ends lapse, and nothing of them is left', () => {
    const { fleet } = ready()
    const request = makeRequest({ name: 'web', memoryBytes: 10 })
    fleet.place(request, reservation(request, 'p1', 5000), chance)
    expect(fleet.expire(4999)).toEqual([])
    expect(fleet.expire(5000).map((each) => each.id)).toEqual(['p1'])
    expect([fleet.promiseCount, fleet.snapshot().pending, fleet.node('a:1')?.usage.memoryBytes]).toEqual([0, [], 0])
    expect(fleet.reserveName('web')).toBeUndefined()
  })

  it('a promise that became a container is not counted twice', () => {
    const lab = ready()
    const request = makeRequest({ memoryBytes: 10 })
    lab.fleet.place(request, reservation(request, 'p1'), chance)
    const container = makeContainer('web', { swarmId: 'p1-swarm', memoryBytes: 10 })
    lab.run(lab.fleet.dispatch('a:1', { kind: 'created', container }, context))
    expect(lab.fleet.node('a:1')?.usage).toMatchObject({ containers: 1, memoryBytes: 10 })
    lab.fleet.release('p1')
    expect(lab.fleet.node('a:1')?.usage).toMatchObject({ containers: 1, memoryBytes: 10 })
  })
})

describe('snapshot', () => {
  it('is the same object until something changes', () => {
    const lab = new Lab()
    lab.add('a:1')
    lab.discover(['a:1'])
    const before = lab.fleet.snapshot()
    lab.run(lab.fleet.dispatch('a:1', { kind: 'called', failure: undefined }, context))
    expect(lab.fleet.snapshot()).toBe(before)
    lab.fail('a:1', 1)
    expect(lab.fleet.snapshot()).not.toBe(before)
    expect(before.nodes[0]?.health.failures).toBe(0)
  })
})
