import { describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { PoolController } from './controller.ts'
import type { ClusterNode, PoolEdge } from './controller.ts'
import type { Waiting } from './plan.ts'
import type { Pool } from './pool.ts'

const pool: Pool = { name: 'ci', driver: 'fake', min: 0, max: 3, idleMs: 60_000, ignoresExited: false, flags: {} }

interface World {
  readonly edge: PoolEdge
  readonly machines: Map<string, { addr: string; isUnfinished: boolean }>
  readonly nodes: Map<string, ClusterNode>
  readonly calls: string[]
  waiting: Waiting[]
  /** Creations end with it. */
  failure: Error | undefined
  isSilent: boolean
}

function world(): World {
  let count = 0
  const state: World = {
    machines: new Map(),
    nodes: new Map(),
    calls: [],
    waiting: [],
    failure: undefined,
    isSilent: false,
    edge: {
      makeName: () => `ci-${(count += 1)}`,
      listMachines: async () => [...state.machines].map(([name, each]) => ({ name, ...each })),
      async createMachine(name) {
        state.calls.push(`create ${name}`)
        if (state.failure !== undefined) throw state.failure
        join(state, name)
      },
      async removeMachine(name) {
        state.calls.push(`remove ${name}`)
        state.nodes.delete(state.machines.get(name)?.addr ?? '')
        state.machines.delete(name)
      },
      announce: async () => {},
      async readNodes() {
        if (state.isSilent) throw new Error('endpoint is silent')
        return [...state.nodes.values()]
      },
      readWaiting: async () => state.waiting,
      async setClosed(addr, isClosed) {
        state.calls.push(`${isClosed ? 'close' : 'open'} ${addr}`)
        const node = state.nodes.get(addr)
        if (node !== undefined) state.nodes.set(addr, { ...node, isClosed })
      },
    },
  }
  return state
}

function join(state: World, name: string, more: Partial<ClusterNode> = {}): void {
  const addr = `${name}:2376`
  state.machines.set(name, { addr, isUnfinished: false })
  const node = { name, addr, isHealthy: true, isClosed: false, containers: 0, nanoCpus: 2e9, memoryBytes: 4e9 }
  state.nodes.set(addr, { ...node, ...more })
}

async function settle(): Promise<void> {
  for (let at = 0; at < 30; at += 1) await Promise.resolve()
}

describe('a pool', () => {
  it('grows for what waits and shrinks when there has been nothing to do for long enough', async () => {
    const state = world()
    const clock = manualClock()
    const controller = new PoolController(pool, state.edge, clock, silentLog)
    const { signal } = new AbortController()
    state.waiting = [{ id: 'w', nanoCpus: 0, memoryBytes: 1e9 }]
    await controller.look(signal)
    await settle()
    expect(state.calls).toEqual(['create ci-1'])
    state.waiting = []
    await controller.look(signal)
    await clock.advance(59_000)
    await controller.look(signal)
    expect(state.calls).toHaveLength(1)
    await clock.advance(1000)
    await controller.look(signal)
    await settle()
    await clock.advance(1500)
    await settle()
    expect(state.calls.slice(1)).toEqual(['close ci-1:2376', 'remove ci-1'])
  })

  it('opens a node again when something got there while it was being closed', async () => {
    const state = world()
    const clock = manualClock()
    const controller = new PoolController({ ...pool, idleMs: 1000 }, state.edge, clock, silentLog)
    const { signal } = new AbortController()
    join(state, 'ci-7')
    await controller.look(signal)
    await clock.advance(1000)
    await controller.look(signal)
    await settle()
    state.nodes.set('ci-7:2376', { ...state.nodes.get('ci-7:2376')!, containers: 1 })
    await clock.advance(1500)
    await settle()
    expect(state.calls).toEqual(['close ci-7:2376', 'open ci-7:2376'])
    expect(state.machines.has('ci-7')).toBe(true)
  })

  it('pauses longer and longer after failures, and removes what an interrupted creation left', async () => {
    const state = world()
    const clock = manualClock()
    const controller = new PoolController(pool, state.edge, clock, silentLog)
    const { signal } = new AbortController()
    state.machines.set('ci-old', { addr: '', isUnfinished: true })
    state.waiting = [{ id: 'w', nanoCpus: 0, memoryBytes: 1e9 }]
    state.failure = new Error('quota')
    const tries = (): number => state.calls.filter((call) => call.startsWith('create')).length
    for (let second = 0; second < 40; second += 1) {
      await controller.look(signal)
      await settle()
      await clock.advance(1000)
    }
    expect(state.calls).toContain('remove ci-old')
    // At 0, 5, 15 and 35 seconds.
    expect(tries()).toBe(4)
  })

  it('removes nothing while the endpoint is silent', async () => {
    const state = world()
    const clock = manualClock()
    const controller = new PoolController({ ...pool, idleMs: 1000 }, state.edge, clock, silentLog)
    const { signal } = new AbortController()
    join(state, 'ci-7')
    await controller.look(signal)
    state.isSilent = true
    await clock.advance(600_000)
    await expect(controller.look(signal)).rejects.toThrow('silent')
    expect(state.calls).toEqual([])
  })

  it('keeps machines that an endpoint has forgotten, and gives up those that it never knew', async () => {
    const state = world()
    const clock = manualClock()
    const controller = new PoolController({ ...pool, idleMs: 1000 }, state.edge, clock, silentLog)
    const { signal } = new AbortController()
    join(state, 'ci-7', { containers: 3 })
    await controller.look(signal)
    await clock.advance(600_000)
    // The manager was started anew and knows no engine so far.
    state.nodes.clear()
    state.machines.set('ci-8', { addr: 'ci-8:2376', isUnfinished: false })
    await controller.look(signal)
    await settle()
    expect(state.calls).toEqual([])
    await clock.advance(600_000)
    await controller.look(signal)
    await settle()
    expect(state.calls).toEqual(['remove ci-8'])
  })

  it('pauses longer and longer between attempts to remove a machine', async () => {
    const state = world()
    const clock = manualClock()
    const edge: PoolEdge = {
      ...state.edge,
      removeMachine: async (name) => {
        state.calls.push(`remove ${name}`)
        throw new Error('429 Too Many Requests')
      },
    }
    const controller = new PoolController(pool, edge, clock, silentLog)
    const { signal } = new AbortController()
    state.machines.set('ci-old', { addr: '', isUnfinished: true })
    for (let second = 0; second < 40; second += 1) {
      await controller.look(signal)
      await settle()
      await clock.advance(1000)
    }
    // At 0, 5, 15 and 35 seconds.
    expect(state.calls).toEqual(Array.from({ length: 4 }, () => 'remove ci-old'))
  })
})
