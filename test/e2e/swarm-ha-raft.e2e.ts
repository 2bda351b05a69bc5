import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { casLeader } from '../../src/cluster/leader/cas-lease.ts'
import { swarmCell } from '../../src/cluster/leader/swarm-cell.ts'
import { silentLog } from '../../src/core/log.ts'
import { openEngine } from '../../src/engine/client.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { systemClock } from '../../src/io/clock.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { testLeader } from '../conformance/leader.ts'
import { eventually } from './swarm-cluster.ts'
import { startManagers } from './swarm-managers.ts'
import type { TestManagers } from './swarm-managers.ts'

/** Leadership without a store: the engines are managers of one native swarm, old and new ones mixed. */
let place: Lab
const engines: Engine[] = []
beforeAll(async () => {
  place = await lab({ engines: ['28.5', '20.10', '20.10'], image: true })
  const [first, ...others] = place.hosts
  if (first === undefined) throw new Error('no host')
  await first.docker(['swarm', 'init', '--advertise-addr', first.ip])
  const token = (await first.docker(['swarm', 'join-token', '-q', 'manager'])).stdout.trim()
  for (const host of others) {
    const joined = await host.docker(['swarm', 'join', '--token', token, `${first.ip}:2377`])
    expect(joined.code, joined.stderr).toBe(0)
  }
  for (const host of place.hosts)
    engines.push(openEngine(host.endpoint, { clock: systemClock, userAgent: 'flotilla-test' }))
}, 240_000)
afterAll(async () => {
  for (const engine of engines) await engine.close()
  await place?.down()
})

let elections = 0
testLeader('native swarm mode', async () => {
  elections += 1
  const name = `election-${elections}`
  let asked = 0
  return {
    // Each manager asks another engine first.
    async make() {
      asked += 1
      const order = [...engines.slice(asked % 3), ...engines.slice(0, asked % 3)]
      const cell = swarmCell({ find: () => Promise.resolve(order) }, name)
      return Promise.resolve(casLeader({ cell, ttlMs: 3000, clock: systemClock, log: silentLog }))
    },
  }
})

describe('managers without a store', () => {
  const ttlMs = 6000
  let ha: TestManagers
  beforeAll(async () => {
    const discovery = `nodes://${place.hosts.map((host) => host.address).join(',')}`
    ha = await startManagers(place, { discovery, count: 2, flags: ['--replication-ttl', `${ttlMs}ms`] })
  }, 240_000)
  afterAll(async () => {
    await ha?.down()
  })

  it('one leads; when it is killed the other does within TTL + 5 s, though an engine is down', async () => {
    const { primary, replicas } = await ha.roles()
    const [replica] = replicas
    // Not the one that leads the swarm itself: Raft alone takes ten to twenty seconds to replace that.
    await place.hosts[2]?.kill()
    expect((await replica?.ask('POST', '/containers/create?name=web', { Image: 'flotilla/sample' }))?.status).toBe(201)
    await primary.kill()
    const tookMs = await eventually(
      async () => (await replica?.leader())?.role === 'primary',
      ttlMs + 20_000,
      'another leader',
    )
    console.log(`fail-over over native swarm mode with a TTL of ${ttlMs} ms: ${tookMs} ms`)
    expect(tookMs).toBeLessThan(ttlMs + 5000)
    expect((await replica?.ask('POST', '/containers/create?name=web', { Image: 'flotilla/sample' }))?.status).toBe(409)
  })

  it('without a majority of the swarm nobody leads, containers can still be worked with, and the log says what to do', async () => {
    const manager = ha.managers.find((each) => each.isRunning)
    const [left, second] = place.hosts
    const node = (await left?.docker(['info', '-f', '{{.Name}}']))?.stdout.trim() ?? ''
    const body = { Image: 'flotilla/sample', Env: [`constraint:node==${node}`] }
    expect((await manager?.ask('POST', '/containers/create?name=kept', body))?.status).toBe(201)
    await second?.kill()
    await eventually(async () => (await manager?.leader())?.role === 'replica', ttlMs + 20_000, 'the end of leadership')
    expect((await manager?.ask('GET', '/containers/json?all=1'))?.status).toBe(200)
    expect((await manager?.ask('POST', '/containers/kept/start'))?.status).toBe(204)
    expect((await manager?.ask('POST', '/containers/create?name=more', body))?.status).toBe(503)
    await eventually(() => /force-new-cluster/.test(manager?.log() ?? ''), 30_000, 'the advice')
    // Nobody takes it.
    expect((await left?.docker(['node', 'ls']))?.stderr).toContain('The swarm does not have a leader')
  })
})
