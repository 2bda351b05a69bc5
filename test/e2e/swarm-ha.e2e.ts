import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ClusterStore } from '../../src/cluster/discovery/kv-discovery.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab, LabService } from '../../src/testing/lab/types.ts'
import { registerAll } from './manager-in-host.ts'
import { executableForm } from './programs.ts'
import type { RunResult } from './programs.ts'
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
let etcd: LabService
beforeAll(async () => {
  place = await lab({ engines: ['20.10', '28.5'], image: true })
  etcd = await place.kv('etcd')
  const url = `etcd://${etcd.address}/ha`
  store = await registerAll(place, url)
  ha = await startManagers(place, { discovery: url, count: 3, flags: ['--replication-ttl', `${ttlMs}ms`] })
}, 240_000)
afterAll(async () => {
  await ha?.down()
  await store?.close()
  await place?.down()
})

interface Claim {
  readonly term: number
  readonly startMs: number
  readonly endMs: number
}

/** Asks all managers again and again who leads, and keeps what each claims for itself. */
function recordLeaders(): () => Promise<readonly Claim[]> {
  const claims: Claim[] = []
  const over = new AbortController()
  const done = Promise.all(
    ha.managers.map(async (_, at) => {
      while (!over.signal.aborted) {
        const startMs = performance.now()
        const view = await ha.managers[at]?.leader()
        if (view?.role === 'primary') claims.push({ term: view.term, startMs, endMs: performance.now() })
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }),
  )
  return async () => {
    over.abort()
    await done
    return claims
  }
}

/** reliability.md I6: nobody claims an old term after somebody has claimed a newer one. */
function expectOneLeader(claims: readonly Claim[]): void {
  const late = claims.filter((claim) => claims.some((other) => other.term > claim.term && other.endMs < claim.startMs))
  expect(claims.length).toBeGreaterThan(0)
  expect(late).toEqual([])
}

const sample = { Image: 'flotilla/sample:latest' }

async function ok(manager: TestManager, line: string, cli?: string): Promise<string> {
  const result = await manager.shell(line, 30_000, cli)
  expect(result.code, `${line}\n${result.stdout}${result.stderr}`).toBe(0)
  return result.stdout
}

/** Attaches to a container. @returns once attached, what resolves when the stream has ended */
function attach(socketPath: string, name: string): Promise<{ readonly ended: Promise<void> }> {
  return new Promise((resolve, reject) => {
    const path = `/v1.41/containers/${name}/attach?stream=1&stdout=1`
    const headers = { connection: 'Upgrade', upgrade: 'tcp' }
    const sent = request({ socketPath, method: 'POST', path, headers, agent: false })
    sent.on('error', reject)
    sent.on('response', (reply) => reject(new Error(`attach answered ${reply.statusCode}`)))
    sent.on('upgrade', (_, socket) => {
      socket.on('error', () => undefined)
      resolve({ ended: new Promise((end) => socket.on('close', () => end())) })
      socket.resume()
    })
    sent.end()
  })
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
    // Containers that end at once show that the stream is open.
    const events = '>$DOCKER_CONFIG/events; $D events --filter event=die >$DOCKER_CONFIG/events'
    const isOpen = 'until [ -s $DOCKER_CONFIG/events ]; do $D run --rm flotilla/sample true; done; $D rm -f through'
    const isTold = 'until grep -q name=through $DOCKER_CONFIG/events; do sleep 0.1; done'
    const told = await ok(replica, `${events} & ${isOpen}; ${isTold}; kill %1; cat $DOCKER_CONFIG/events`, cli)
    expect(told).toMatch(/container die .*name=through.*node\.name=/)
  })
})

describe('fail-over', () => {
  it('SIGTERM with 100 attached streams: the leader resigns, another leads long before its term ends', async () => {
    const { primary, replicas } = await ha.roles()
    await ok(primary, '$D run -d --name attached flotilla/sample sleep 1000')
    const [replica] = replicas
    const sockets = [
      ...Array.from({ length: 70 }, () => primary.socket),
      ...Array.from({ length: 30 }, () => replica?.socket ?? ''),
    ]
    const streams = await Promise.all(sockets.map((socket) => attach(socket, 'attached')))
    const exited = new Promise<number | null>((resolve) => primary.child.once('exit', resolve))
    primary.child.kill('SIGTERM')
    const { tookMs, next } = await successor(primary, 10_000)
    console.log(`fail-over after SIGTERM: ${tookMs} ms`)
    expect(tookMs).toBeLessThan(ttlMs)
    expect(await exited).toBe(0)
    await Promise.all(streams.map((stream) => stream.ended))
    expect(primary.log()).toContain('Leader Election: Cluster leadership lost')
    expect((await next.ask('GET', '/containers/json')).status).toBe(200)
    await ok(next, '$D rm -f attached')
    await ha.restart(ha.managers.indexOf(primary))
  })

  it('SIGKILL: another leads within TTL + 5 s; what was acknowledged is there, its name stays taken', async () => {
    const { primary, replicas } = await ha.roles()
    const [replica] = replicas
    expect((await replica?.ask('POST', '/containers/create?name=kept', sample))?.status).toBe(201)
    await primary.kill()
    expect((await replica?.ask('GET', '/containers/json'))?.status).toBe(200)
    // Waits for the next leader.
    const other = replica?.ask('POST', '/containers/create?name=other', sample)
    const { tookMs, next } = await successor(primary, failOverMs + 10_000)
    console.log(`fail-over after SIGKILL with a TTL of ${ttlMs} ms: ${tookMs} ms`)
    expect(tookMs).toBeLessThan(failOverMs)
    expect((await next.ask('POST', '/containers/create?name=kept', sample)).status).toBe(409)
    expect((await other)?.status).toBe(201)
    await ok(next, '$D rm -f kept other')
    await ha.restart(ha.managers.indexOf(primary))
  })

  it.each(['SIGKILL', 'SIGSTOP', 'SIGTERM'] as const)(
    '%s under a compose command through a replica: it goes on',
    async (signal) => {
      const { primary, replicas } = await ha.roles()
      const [replica] = replicas
      const folder = join(ha.folder, `under-${signal.toLowerCase()}`)
      await mkdir(folder)
      const services = Array.from(
        { length: 10 },
        (_, at) => `  s${at}: { image: flotilla/sample, network_mode: bridge, init: true, command: sleep 1000 }`,
      )
      await writeFile(join(folder, 'compose.yaml'), `services:\n${services.join('\n')}\n`)
      const env = { DOCKER_HOST: `unix://${replica?.socket}`, HOME: ha.folder }
      const compose = (...args: readonly string[]): Promise<RunResult> =>
        executableForm.run('docker-compose', args, { cwd: folder, env, timeoutMs: 120_000 })
      const made = async (): Promise<readonly string[]> => {
        const label = `label=com.docker.compose.project=under-${signal.toLowerCase()}`
        const lists = await Promise.all(
          place.hosts.map((host) => host.docker(['ps', '-a', '--format', '{{.Names}} {{.State}}', '-f', label])),
        )
        return lists.flatMap(({ stdout }) => stdout.split('\n').filter((line) => line !== '')).toSorted()
      }
      const up = compose('up', '-d')
      await eventually(async () => (await made()).length > 0, 30_000, 'the first container')
      primary.child.kill(signal)
      const { code, stderr } = await up
      expect(code, stderr).toBe(0)
      if (signal === 'SIGSTOP') primary.child.kill('SIGCONT')
      else await ha.restart(ha.managers.indexOf(primary))
      await ha.roles()
      expect(await made()).toEqual(
        Array.from({ length: 10 }, (_, at) => `under-${signal.toLowerCase()}-s${at}-1 running`),
      )
      const down = await compose('down', '-t', '0')
      expect(down.code, down.stderr).toBe(0)
      expect(await made()).toEqual([])
    },
  )

  it('SIGSTOP: another leads within TTL + 5 s; thawed, the old one does nothing that the new one has not decided', async () => {
    const { primary } = await ha.roles()
    const claims = recordLeaders()
    await primary.freeze()
    // Lies in the socket of the frozen manager until it is thawed.
    const stale = primary.ask('POST', '/containers/create?name=frozen', sample)
    const { tookMs, next } = await successor(primary, failOverMs + 10_000).catch((error: unknown) => {
      primary.child.kill('SIGCONT')
      throw error
    })
    console.log(`fail-over after SIGSTOP with a TTL of ${ttlMs} ms: ${tookMs} ms`)
    try {
      expect(tookMs).toBeLessThan(failOverMs)
      expect((await next.ask('POST', '/containers/create?name=frozen', sample)).status).toBe(201)
    } finally {
      primary.child.kill('SIGCONT')
    }
    expect((await stale).status).toBe(409)
    await eventually(
      async () => (await primary.leader())?.primary === next.address,
      10_000,
      'knowledge of the new leader',
    )
    expectOneLeader(await claims())
    expect(await ok(next, "$D ps -a --format '{{.Names}}' | grep -c /frozen")).toBe('1\n')
    await ok(next, '$D rm -f frozen')
  })
})

describe('trouble between managers', () => {
  it('cut off from each other: one leads, all serve reads and calls, names stay unique', async () => {
    const { primary, replicas } = await ha.roles()
    const claims = recordLeaders()
    await ok(primary, '$D create --name here flotilla/sample')
    for (const each of ha.managers) each.proxy.setFault({ kind: 'refuse' }, true)
    try {
      for (const replica of replicas) {
        expect(await ok(replica, "$D ps -a --format '{{.Names}}'")).toMatch(/\/here$/m)
        expect(await ok(replica, '$D start here')).toBe('here\n')
      }
      const answers = await Promise.all(
        ha.managers.map((each) => each.ask('POST', '/containers/create?name=contested', sample)),
      )
      expect(answers.map((each) => each.status).toSorted((a, b) => a - b)).toEqual([201, 500, 500])
      expect(answers.find((each) => each.status === 500)?.body).toContain('Unable to reach primary cluster manager')
    } finally {
      for (const each of ha.managers) each.proxy.setFault({ kind: 'none' })
    }
    await ok(primary, '$D rm -f here contested')
    expectOneLeader(await claims())
  })

  it('a store that is gone: the leader steps down at the end of its lease, reads go on, and it is back with the store', async () => {
    const { primary, replicas } = await ha.roles()
    await ok(primary, '$D create --name here flotilla/sample')
    await etcd.stop()
    await eventually(
      async () => (await primary.leader())?.role === 'replica',
      failOverMs + 10_000,
      'the end of the lease',
    )
    for (const each of [primary, ...replicas]) {
      expect(await ok(each, "$D ps -a --format '{{.Names}}'")).toMatch(/\/here$/m)
    }
    await etcd.start()
    const again = await ha.roles(40_000)
    await ok(again.primary, '$D rm -f here')
  })
})

describe('other stores', () => {
  it('Consul and ZooKeeper: another leads after SIGKILL', async () => {
    // The lab's Consul takes short sessions; ZooKeeper has ten seconds of its own.
    const kinds = [
      { kind: 'consul', service: 'consul', ttl: 6000 },
      { kind: 'zk', service: 'zookeeper', ttl: 10_000 },
    ] as const
    await Promise.all(
      kinds.map(async ({ kind, service, ttl }) => {
        const url = `${kind}://${(await place.kv(service)).address}/ha`
        const other = await registerAll(place, url)
        const pair = await startManagers(place, { discovery: url, count: 2, flags: ['--replication-ttl', `${ttl}ms`] })
        try {
          const { primary, replicas } = await pair.roles()
          await primary.kill()
          const isNext = async (): Promise<boolean> => (await replicas[0]?.leader())?.role === 'primary'
          const tookMs = await eventually(isNext, ttl + 20_000, `another leader over ${kind}`)
          console.log(`fail-over over ${kind} with a TTL of ${ttl} ms: ${tookMs} ms`)
          expect(tookMs).toBeLessThan(ttl + 5000)
        } finally {
          await pair.down()
          await other.close()
        }
      }),
    )
  })
})
