import { afterEach, describe, expect, it } from 'vitest'
import type { Log } from '../../core/log.ts'
import type { EngineRequest } from '../../engine/engine.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { Cluster } from '../cluster.ts'
import { soleRole } from '../leader/role.ts'
import { keepSwarm } from './form-swarm.ts'

const stops: AbortController[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort()
})

/** What an engine answers to a request. */
type Say = (request: EngineRequest) => unknown

const idle = { Swarm: { LocalNodeState: 'inactive' } }
const managing = {
  Swarm: {
    LocalNodeState: 'active',
    ControlAvailable: true,
    NodeID: 'node-1',
    Cluster: { ID: 'swarm-1' },
    Managers: 1,
    RemoteManagers: [{ NodeID: 'node-1' }],
  },
}

interface Bed {
  readonly sent: readonly string[]
  readonly lines: readonly string[]
  /** So many seconds of looking. */
  look(seconds: number): Promise<void>
}

/** Engines of a cluster, as far as somebody who forms a swarm looks at them. */
function start(engines: Readonly<Record<string, Say>>): Bed {
  const clock = manualClock()
  const sent: string[] = []
  const lines: string[] = []
  const say = (message: string): void => void lines.push(message)
  const log: Log = { debug() {}, info() {}, warn: say, error: say }
  const members = Object.entries(engines).map(([name, answer], index) => ({
    addr: `${name}:2376`,
    name,
    view: { ip: `10.0.0.${String(index + 1)}`, swarmRole: 'none' },
    engine: {
      request: async (request: EngineRequest) => {
        if (request.method === 'POST') sent.push(`${name} ${request.path}`)
        const value = answer(request)
        return { json: () => Promise.resolve(value), bytes: () => Promise.resolve(Buffer.alloc(0)) }
      },
    },
  }))
  const cluster = {
    clock,
    log,
    healthyMembers: () => members,
    snapshot: () => ({ nodes: members }),
    member: (addr: string) => members.find((each) => each.addr === addr),
    changed: () => Promise.resolve(),
  }
  const stop = new AbortController()
  stops.push(stop)
  void keepSwarm({ cluster: cluster as unknown as Cluster, role: soleRole, overlay: {}, signal: stop.signal })
  return {
    sent,
    lines,
    async look(seconds) {
      for (let second = 0; second < seconds; second += 1) await clock.advance(1000)
    },
  }
}

function broken(): never {
  throw new Error('not now')
}

const manager: Say = (request) => (request.path === '/swarm' ? { JoinTokens: { Worker: 'w', Manager: 'm' } } : managing)

describe('an engine that does not say whether it is in a swarm', () => {
  it('keeps no other out of the swarm there is, and is told of once a minute', async () => {
    const bed = start({ n1: manager, n2: () => idle, n3: broken })
    await bed.look(10)
    expect(bed.sent).toContain('n2 /swarm/join')
    expect(bed.sent.filter((line) => line.startsWith('n3'))).toEqual([])
    expect(bed.lines).toEqual(['cannot put the engines into one swarm'])
    await bed.look(70)
    expect(bed.lines.length).toBeLessThanOrEqual(3)
  })

  it('keeps a swarm from being begun: it may be in one', async () => {
    const bed = start({ n1: () => idle, n2: () => idle, n3: broken })
    await bed.look(60)
    expect(bed.sent).toEqual([])
  })
})
