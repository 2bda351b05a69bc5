import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/io/clock.ts'
import { silentLog } from '../../src/core/log.ts'
import { openClusterStore } from '../../src/cluster/discovery/kv-discovery.ts'
import type { ClusterStore } from '../../src/cluster/discovery/kv-discovery.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { dockerClis, eventually } from './swarm-cluster.ts'
import { startManagers } from './swarm-managers.ts'
import type { TestManager, TestManagers } from './swarm-managers.ts'

/** Three real managers of one cluster over real engines and a real etcd, and what happens when the leader is lost. */

const ttlMs = 6000
/** reliability.md F-M3. */
const failOverMs = ttlMs + 5000

let place: Lab
let store: ClusterStore
let ha: TestManagers
beforeAll(async () => {
  place = await lab({ engines: ['20.10', '28.5'], image: true })
  const etcd = await place.kv('etcd')
  const url = `etcd://${etcd.address}/ha`
  store = await openClusterStore(url, { clock: systemClock, log: silentLog, heartbeatMs: 10_000, options: new Map() })
  for (const host of place.hosts) await store.discovery.register(host.address, 3_600_000)
  ha = await startManagers(place, { discovery: url, count: 3, flags: ['--replication-ttl', `${ttlMs}ms`] })
}, 240_000)
afterAll(async () => {
  await ha?.down()
  await store?.close()
  await place?.down()
})

const sample = { Image: 'flotilla/sample:latest' }

async function ok(manager: TestManager, line: string, cli?: string): Promise<string> {
  const result = await manager.shell(line, 30_000, cli)
  expect(result.code, `${line}\n${result.stdout}${result.stderr}`).toBe(0)
  return result.stdout
}

/** Waits until a manager other than `old` leads, and says how long that took. */
async function successor(
  old: TestManager,
  limitMs: number,
): Promise<{ readonly tookMs: number; readonly next: TestManager }> {
  let next: TestManager | undefined
  const tookMs = await eventually(
    async () => {
      for (const each of ha.managers) {
        if (each !== old && (await each.leader())?.role === 'primary') next = each
      }
      return next !== undefined
    },
    limitMs,
    'another leader',
  )
  if (next === undefined) throw new Error('no successor')
  return { tookMs, next }
}

describe('through a replica', () => {
  it('info tells the role and the primary, the leader route too', async () => {
    const { primary, replicas } = await ha.roles()
    const [replica] = replicas
    const rows = JSON.parse((await replica?.ask('GET', '/info'))?.body ?? '') as { SystemStatus: unknown[] }
    expect(rows.SystemStatus.slice(0, 2)).toEqual([
      ['Role', 'replica'],
      ['Primary', primary.address],
    ])
    expect(await replica?.leader()).toEqual({ role: 'replica', primary: primary.address, term: 0 })
    expect(await primary.leader()).toMatchObject({ role: 'primary', primary: primary.address })
    expect(replica?.log()).toContain(`New leader elected: ${primary.address}`)
    expect(primary.log()).toContain('Leader Election: Cluster leadership acquired')
  })

  it.each(dockerClis)('$name: run -i, exec -it, logs -f and events pass unchanged', async ({ path: cli }) => {
    const { replicas } = await ha.roles()
    const [replica] = replicas
    if (replica === undefined) throw new Error('no replica')
    const line = "head -c 300000 /dev/zero | tr '\\0' x | $D run -i --rm flotilla/sample wc -c"
    expect((await ok(replica, line, cli)).trim()).toBe('300000')
    await ok(replica, '$D run -d --name through flotilla/sample sh -c "while :; do echo tick; sleep 0.2; done"', cli)
    const tty = await ok(replica, `script -qec "$D exec -it through sh -c 'test -t 0 && echo is-a-tty'" /dev/null`, cli)
    expect(tty).toContain('is-a-tty')
    expect(await ok(replica, '$D logs -f through | head -3', cli)).toBe('tick\ntick\ntick\n')
    const events = '$D events --filter event=die >$DOCKER_CONFIG/events & sleep 0.7; $D rm -f through; sleep 0.5'
    const told = await ok(replica, `${events}; kill %1; cat $DOCKER_CONFIG/events`, cli)
    expect(told).toMatch(/container die .*node\.name=/)
  })
})

describe('fail-over', () => {
  it('SIGTERM: the leader resigns, another leads in less than two seconds', async () => {
    const { primary } = await ha.roles()
    const exited = new Promise<number | null>((resolve) => primary.child.once('exit', resolve))
    primary.child.kill('SIGTERM')
    const { tookMs, next } = await successor(primary, 10_000)
    console.log(`fail-over after SIGTERM: ${tookMs} ms`)
    expect(tookMs).toBeLessThan(2000)
    expect(await exited).toBe(0)
    expect(primary.log()).toContain('Leader Election: Cluster leadership lost')
    expect((await next.ask('GET', '/containers/json')).status).toBe(200)
    await ha.restart(ha.managers.indexOf(primary))
  })

  it('SIGKILL: another leads within TTL + 5 s; what was acknowledged is there, its name stays taken', async () => {
    const { primary, replicas } = await ha.roles()
    const [replica] = replicas
    expect((await replica?.ask('POST', '/containers/create?name=kept', sample))?.status).toBe(201)
    await primary.kill()
    const dead = await replica?.ask('GET', '/containers/json')
    // The proxy in between resets where a dead manager's own port would refuse.
    expect(dead?.status).toBe(500)
    expect(dead?.body).toContain(
      `Unable to reach primary cluster manager (dial tcp ${primary.address}: connection reset`,
    )
    const { tookMs, next } = await successor(primary, failOverMs + 10_000)
    console.log(`fail-over after SIGKILL with a TTL of ${ttlMs} ms: ${tookMs} ms`)
    expect(tookMs).toBeLessThan(failOverMs)
    expect((await next.ask('POST', '/containers/create?name=kept', sample)).status).toBe(409)
    await ok(next, '$D rm -f kept')
    await ha.restart(ha.managers.indexOf(primary))
  })
})
