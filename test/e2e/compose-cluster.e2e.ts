import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEngine } from '../../src/engine/client.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { systemClock } from '../../src/io/clock.ts'
import { execProgram } from '../../src/io/exec.ts'
import { pollUntil } from '../../src/io/process-identity.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { ComposeHost, findReferenceCompose, isRoot, sampleImage } from './compose-host.ts'
import { programForms } from './programs.ts'
import type { ProgramForm } from './programs.ts'

/** Compose over an endpoint of three engines of two versions: as on one engine, spread over all. */

const file = (value: string): string => `
services:
  web:
    image: ${sampleImage}
    scale: 3
    network_mode: bridge
    environment: { VALUE: "${value}" }
    depends_on: { db: { condition: service_healthy } }
  db:
    image: ${sampleImage}
    network_mode: bridge
    volumes: ["data:/data"]
    healthcheck: { test: ["CMD", "true"], interval: 1s }
volumes: { data: {} }
`

describe.runIf(isRoot)('compose over a cluster endpoint (needs root on Linux)', () => {
  let running: Lab
  let host: ComposeHost
  let manager: ReturnType<ProgramForm['start']> | undefined

  beforeAll(async () => {
    running = await lab({ engines: ['20.10', '28.5', '20.10'], hosts: 3, image: true, namePrefix: 'clu' })
    const folder = await mkdtemp(join(tmpdir(), 'compose-e2e-'))
    const first = await startManager(join(folder, 'swarm.sock'), 3)
    manager = first.manager
    host = new ComposeHost(first.engine, { DOCKER_HOST: first.url }, folder)
  })

  /** A manager over the engines of the lab; resolves when so many have answered. */
  async function startManager(
    socket: string,
    engines: number,
  ): Promise<{ manager: ReturnType<ProgramForm['start']>; engine: Engine; url: string }> {
    const certificates = running.certificates.directory
    const node = programForms.find((form) => form.name === 'node')!
    const started = node.start('swarm', [
      'manage',
      '--tlsverify',
      ...['ca', 'cert', 'key'].flatMap((name) => [
        `--tls${name === 'ca' ? 'cacert' : name}`,
        join(certificates, `${name}.pem`),
      ]),
      '-H',
      `unix://${socket}`,
      `nodes://${running.hosts.map((each) => each.address).join(',')}`,
    ])
    started.stdout.resume()
    let log = ''
    started.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
    const isReady = await pollUntil(
      () => Promise.resolve((log.match(/Registered Engine/g) ?? []).length === engines),
      30_000,
      systemClock,
      { everyMs: 100 },
    )
    expect(isReady, log).toBe(true)
    const engine = openEngine({ kind: 'unix', path: socket }, { clock: systemClock, userAgent: 'flotilla-test' })
    return { manager: started, engine, url: `unix://${socket}` }
  }

  afterAll(async () => {
    if (manager !== undefined && manager.exitCode === null) {
      manager.kill('SIGTERM')
      await once(manager, 'close')
    }
    await host?.close()
    await running?.down()
  })

  /** How many of the hosts run a container of the project, asked of the hosts themselves. */
  async function hostsInUse(project: string): Promise<number> {
    const outputs = await Promise.all(
      running.hosts.map((each) => each.docker(['ps', '-q', '--filter', `label=com.docker.compose.project=${project}`])),
    )
    return outputs.filter((output) => output.stdout.trim() !== '').length
  }

  it('spreads a project, keeps it, replaces what changed, and takes it down', async () => {
    await host.write('spread', { 'compose.yaml': file('1') })
    const up = await host.compose('spread', ['up', '-d'])
    expect(up.code, up.stderr).toBe(0)
    const first = await host.containers('spread')
    expect(first.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'spread-db-1 running',
      'spread-web-1 running',
      'spread-web-2 running',
      'spread-web-3 running',
    ])
    expect(await hostsInUse('spread')).toBe(3)

    expect((await host.compose('spread', ['up', '-d'])).code).toBe(0)
    expect((await host.containers('spread')).map((entry) => entry.id)).toEqual(first.map((entry) => entry.id))

    await host.write('spread', { 'compose.yaml': file('2') })
    const changed = await host.compose('spread', ['up', '-d', '-t', '1'])
    expect(changed.code, changed.stderr).toBe(0)
    const second = await host.containers('spread')
    expect(second.map((entry) => entry.name)).toEqual(first.map((entry) => entry.name))
    expect(second[0]?.id).toBe(first[0]?.id)
    expect(second.filter((entry) => first.some((old) => old.id === entry.id))).toHaveLength(1)

    const ps = await host.compose('spread', ['ps', '--services'])
    expect(ps.stdout).toBe('db\nweb\n')
    const down = await host.compose('spread', ['down', '-v', '-t', '1'])
    expect(down.code, down.stderr).toBe(0)
    expect([await host.containers('spread'), await host.resources('spread'), await hostsInUse('spread')]).toEqual([
      [],
      [],
      0,
    ])
  })

  it.each(['1', '0'])('builds from images that only other nodes have, DOCKER_BUILDKIT=%s', async (kit) => {
    // 20.10 has one of them and 28.5 the other: no node has both.
    const images = [`base-${kit}:1`, `tools-${kit}:1`]
    for (const [at, image] of images.entries()) {
      const line = `printf 'FROM ${sampleImage}\\nRUN echo ${image} > /${at}\\n' | docker build -t ${image} -`
      const made = await running.hosts[at]!.exec(['sh', '-c', line], { env: { DOCKER_BUILDKIT: '0' } })
      expect(made.code, made.stderr).toBe(0)
      const isListed = async (): Promise<boolean> =>
        (await host.engine.request({ method: 'GET', path: `/images/${image}/json` }).catch(() => undefined)) !==
        undefined
      expect(await pollUntil(isListed, 20_000, systemClock, { everyMs: 100 })).toBe(true)
    }
    await host.write(`bases-${kit}`, {
      'compose.yaml':
        'services:\n  app:\n    build: { context: ., args: { BASE: base } }\n    scale: 3\n    network_mode: bridge\n    command: cat /0 /1\n',
      Dockerfile: `ARG BASE\nFROM $\{BASE}-${kit}:1\nCOPY --from=tools-${kit}:1 /1 /1\n`,
    })
    const own = new ComposeHost(host.engine, { ...host.env, DOCKER_BUILDKIT: kit }, host.folder, 'node')
    const up = await own.compose(`bases-${kit}`, ['up'])
    expect(up.code, up.stderr).toBe(0)
    for (const image of images)
      expect(up.stdout.split('\n').filter((line) => line.endsWith(`| ${image}`))).toHaveLength(3)
    expect((await own.compose(`bases-${kit}`, ['down', '--rmi', 'all'])).code).toBe(0)
  })

  it('shows output of all nodes attached, and Ctrl-C stops everywhere', async () => {
    const loop = `trap 'exit 0' TERM; while true; do echo alive; sleep 0.2 & wait $$!; done`
    await host.write('out', {
      'compose.yaml': `services:\n  web:\n    image: ${sampleImage}\n    scale: 3\n    network_mode: bridge\n    command: ["sh", "-c", "${loop}"]\n`,
    })
    const up = host.start('out', ['up'])
    let stdout = ''
    up.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    up.stderr.resume()
    const closed = once(up, 'close')
    const hasAll = async (): Promise<boolean> => [1, 2, 3].every((number) => stdout.includes(`web-${number}  | alive`))
    expect(await host.eventually(hasAll), stdout).toBe(true)
    up.kill('SIGINT')
    expect((await closed)[0]).toBe(130)
    expect((await host.containers('out')).map((entry) => entry.state)).toEqual(['exited', 'exited', 'exited'])
    await host.compose('out', ['down', '-t', '1'])
  })
  /** Host → names of the project's containers on it, asked of the hosts themselves. */
  async function placesOf(project: string): Promise<Readonly<Record<string, readonly string[]>>> {
    const filter = `label=com.docker.compose.project=${project}`
    const rows = await Promise.all(
      running.hosts.map(async (each) => {
        const { stdout } = await each.docker(['ps', '-a', '--format', '{{.Names}}', '--filter', filter])
        return [each.name, stdout.split('\n').filter(Boolean).sort()] as const
      }),
    )
    return Object.fromEntries(rows)
  }

  it('a service on a fixed host port is replaced where it is, and scales over the nodes', async () => {
    const fixed = (value: string): string =>
      `services: { web: { image: "${sampleImage}", network_mode: bridge, ports: ["8088:80"], labels: { v: "${value}" } } }\n`
    await host.write('fixed', { 'compose.yaml': fixed('1') })
    const up = async (...args: readonly string[]): Promise<void> => {
      const result = await host.compose('fixed', ['up', '-d', '-t', '1', ...args])
      expect(result.code, result.stderr).toBe(0)
    }
    await up('--scale', 'web=3')
    const places = await placesOf('fixed')
    expect(Object.values(places).map((names) => names.length)).toEqual([1, 1, 1])
    const first = await host.containers('fixed')

    await host.write('fixed', { 'compose.yaml': fixed('2') })
    await up('--scale', 'web=3')
    expect(await placesOf('fixed')).toEqual(places)
    const second = await host.containers('fixed')
    expect(second.map(({ state }) => state)).toEqual(['running', 'running', 'running'])
    expect(second.filter(({ id }) => first.some((old) => old.id === id))).toEqual([])

    await host.write('fixed', { 'compose.yaml': fixed('3') })
    await up('--scale', 'web=2')
    expect((await host.containers('fixed')).map(({ name }) => name)).toEqual(['fixed-web-1', 'fixed-web-2'])
    const tooMany = await host.compose('fixed', ['up', '-d', '-t', '1', '--scale', 'web=4'])
    expect([tooMany.code, tooMany.stderr]).toEqual([1, expect.stringContaining('Unable to find a node that satisfies')])
    await host.compose('fixed', ['down', '-t', '1'])
  })

  it('deploy says where: one on each node, by condition, at most so many; and updates go node by node', async () => {
    const names = await Promise.all(
      running.hosts.map(async (each) => (await each.docker(['info', '-f', '{{.Name}}'])).stdout.trim()),
    )
    const text = (version: string, most: number): string => `
services:
  agent:
    image: ${sampleImage}
    network_mode: bridge
    labels: { version: "${version}" }
    deploy: { mode: global, update_config: { order: start-first, parallelism: 2, monitor: 300ms } }
  picky:
    image: ${sampleImage}
    network_mode: bridge
    deploy: { placement: { constraints: ["node.hostname == ${names[1]}", "node.platform.os == linux"] } }
  few:
    image: ${sampleImage}
    network_mode: bridge
    scale: 3
    deploy: { placement: { max_replicas_per_node: ${most} } }
  job:
    image: ${sampleImage}
    network_mode: bridge
    command: ["true"]
    deploy: { mode: replicated-job }
`
    await host.write('where', { 'compose.yaml': text('1', 1) })
    const up = await host.compose('where', ['up', '-d', '-t', '1'])
    expect(up.code, up.stderr).toBe(0)
    const ps = await host.compose('where', ['ps', '--format', '{{.Service}} {{.Node}}'])
    expect(ps.stdout.trim().split('\n').sort()).toEqual(
      [...names.flatMap((name) => [`agent ${name}`, `few ${name}`]), `picky ${names[1]}`].sort(),
    )
    expect((await host.compose('where', ['ps'])).stdout).toMatch(/^NAME +IMAGE +COMMAND +SERVICE +NODE +CREATED/)
    const isDone = async (): Promise<boolean> =>
      (await host.containers('where')).some(({ name, state }) => name === 'where-job-1' && state === 'exited')
    expect(await host.eventually(isDone)).toBe(true)
    const still = await host.compose('where', ['plan', '--detailed-exitcode'])
    expect([still.code, still.stdout]).toEqual([0, expect.stringContaining('nothing to do')])

    const agents = async (): Promise<readonly string[]> =>
      (await host.containers('where')).filter(({ name }) => name.includes('agent')).map(({ id }) => id)
    const before = await agents()
    await host.write('where', { 'compose.yaml': text('2', 1) })
    const updated = await host.compose('where', ['up', '-d', '-t', '1'])
    expect(updated.code, updated.stderr).toBe(0)
    expect((await agents()).filter((id) => before.includes(id))).toEqual([])
    const again = await host.compose('where', ['ps', '--format', '{{.Node}}', 'agent'])
    expect(again.stdout.trim().split('\n').sort()).toEqual([...names].sort())

    const tooMany = await host.compose('where', ['up', '-d', '--scale', 'few=4'])
    expect([tooMany.code, tooMany.stderr]).toEqual([1, expect.stringContaining('service "few": no node is left for')])
    const down = await host.compose('where', ['down', '-t', '1'])
    expect(down.code, down.stderr).toBe(0)
    expect(await hostsInUse('where')).toBe(0)
  })

  it('a cordoned node keeps its container of a global service as it is, a drained one does not', async () => {
    const { stdout } = await running.hosts[1]!.docker(['info', '-f', '{{.Name}}'])
    const node = stdout.trim()
    const mark = async (word: string): Promise<void> => {
      const path = `/flotilla/nodes/${node}/${word}`
      await (await host.engine.request({ method: 'POST', path, unversioned: true })).bytes()
    }
    const up = async (value: string): Promise<string> => {
      const service = `image: ${sampleImage}, network_mode: bridge, environment: { V: "${value}" }, deploy: { mode: global }`
      await host.write('each', { 'compose.yaml': `services: { web: { ${service} } }\n` })
      const result = await host.compose('each', ['up', '-d', '-t', '1'])
      expect(result.code, result.stderr).toBe(0)
      return result.stderr
    }
    await up('1')
    const first = await host.containers('each')
    await mark('cordon')
    await up('1')
    expect(await host.containers('each')).toMatchObject(first.map(({ id }) => ({ id })))
    expect(await up('2')).toMatch(`node ${node} is cordoned: each-web-`)
    const second = await host.containers('each')
    expect(second).toHaveLength(3)
    expect(second.filter(({ id }) => first.some((old) => old.id === id))).toHaveLength(1)
    await mark('drain')
    await up('2')
    expect(await host.containers('each')).toHaveLength(2)
    await mark('undrain')
    await up('2')
    expect(Object.values(await placesOf('each')).map((names) => names.length)).toEqual([1, 1, 1])
    await host.compose('each', ['down', '-t', '0'])
  })

  it('services that share name spaces come together, whatever networks they are on', async () => {
    const tied = `
services:
  main: { image: ${sampleImage}, command: sleep 1000, network_mode: bridge, ipc: shareable }
  user: { image: ${sampleImage}, command: sleep 1000, ipc: "service:main", pid: "service:main" }
  side: { image: ${sampleImage}, command: sleep 1000, network_mode: none, volumes_from: [user] }
  web: { image: ${sampleImage}, command: sleep 1000, ports: ["80"] }
`
    await host.write('tied', { 'compose.yaml': tied })
    const load = await running.hosts[0]!.docker(['run', '-d', '--name', 'load', sampleImage, 'sleep', '1000'])
    expect(load.code, load.stderr).toBe(0)
    for (const args of [[], ['--force-recreate']]) {
      const up = await host.compose('tied', ['up', '-d', '-t', '0', ...args])
      expect(up.code, up.stderr).toBe(0)
      expect(await hostsInUse('tied')).toBe(1)
      expect((await host.containers('tied')).map(({ state }) => state)).toEqual(Array(4).fill('running'))
    }
    expect((await host.compose('tied', ['plan', '--detailed-exitcode'])).code).toBe(0)
    await running.hosts[0]!.docker(['rm', '-f', 'load'])
    await host.compose('tied', ['down', '-t', '0'])
  })

  it('two at once: one waits for the other, and nothing is made twice', async () => {
    const text = `services: { web: { image: "${sampleImage}", network_mode: bridge, scale: 4 } }\n`
    await host.write('race', { 'compose.yaml': text })
    const results = await Promise.all([1, 2, 3].map(() => host.compose('race', ['up', '-d'])))
    expect(results.map(({ code, stderr }) => `${String(code)} ${code === 0 ? '' : stderr}`)).toEqual(
      Array(3).fill('0 '),
    )
    const names = (await host.containers('race')).map(({ name, state }) => `${name} ${state}`)
    expect(names).toEqual([1, 2, 3, 4].map((number) => `race-web-${number} running`))
    const locks = await Promise.all(
      running.hosts.map((each) => each.docker(['volume', 'ls', '-q', '--filter', 'label=flotilla.lock.project'])),
    )
    expect(locks.map(({ stdout }) => stdout.trim())).toEqual(['', '', ''])
    await host.compose('race', ['down', '-t', '1'])
  })

  const linked = `
services:
  web:
    image: ${sampleImage}
    scale: 3
    depends_on: [api]
    networks: [front, back]
    healthcheck: { test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://api/"], interval: 1s, retries: 30 }
  api: { image: ${sampleImage}, networks: [back], volumes: ["data:/data"] }
networks: { front: {}, back: {} }
volumes: { data: {} }
`

  it('on engines without a swarm the networks of a project and its containers share one node', async () => {
    await host.write('local', { 'compose.yaml': linked })
    const up = await host.compose('local', ['up', '-d', '--wait', '--wait-timeout', '60'])
    expect(up.code, up.stderr).toBe(0)
    expect(await hostsInUse('local')).toBe(1)
    const blocked = linked.replace('networks: [back], ', 'networks: [back], ports: ["8089:80"], scale: 2, ')
    await host.write('local', { 'compose.yaml': blocked })
    const full = await host.compose('local', ['up', '-d', '-t', '1'])
    expect([full.code, full.stderr]).toEqual([
      1,
      expect.stringMatching(/network local_back is on node \S+ only, which cannot take the container: Unable to find/),
    ])
    const down = await host.compose('local', ['down', '-v', '-t', '1'])
    expect([down.code, await host.resources('local')]).toEqual([0, []])
  })

  it('without a swarm a project goes where its constraints allow and its data is, also after down', async () => {
    const [, second] = await Promise.all(
      running.hosts.map(async (each) => (await each.docker(['info', '-f', '{{.Name}}'])).stdout.trim()),
    )
    const text = (constraint: string): string => `
services:
  app: { image: ${sampleImage}, command: sleep 1000 }
  db:
    image: ${sampleImage}
    volumes: ["data:/data"]
    command: sleep 1000
    environment: [${constraint}]
volumes: { data: {} }
`
    const upAt = async (): Promise<string> => {
      const up = await host.compose('kept', ['up', '-d'])
      expect(up.code, up.stderr).toBe(0)
      return (await host.compose('kept', ['ps', '--format', '{{.Node}}'])).stdout
    }
    await host.write('kept', { 'compose.yaml': text(`"constraint:node==${second}"`) })
    expect(await upAt()).toBe(`${second}\n${second}\n`)
    expect((await host.compose('kept', ['exec', 'db', 'touch', '/data/here'])).code).toBe(0)
    // Nothing says where it is but the volume, and other nodes have fewer containers.
    await host.write('kept', { 'compose.yaml': text('') })
    const load = await running.hosts[1]!.docker(['run', '-d', '--name', 'load', sampleImage, 'sleep', '1000'])
    expect(load.code, load.stderr).toBe(0)
    expect((await host.compose('kept', ['down', '-t', '1'])).code).toBe(0)
    expect(await upAt()).toBe(`${second}\n${second}\n`)
    const found = await host.compose('kept', ['exec', 'db', 'ls', '/data'])
    expect(found.stdout, found.stderr).toBe('here\n')
    await running.hosts[1]!.docker(['rm', '-f', 'load'])
    const down = await host.compose('kept', ['down', '-v', '-t', '1'])
    expect([down.code, await host.resources('kept')]).toEqual([0, []])
  })

  it.each([
    ['the bridge', 'network_mode: bridge'],
    ['a network of the project', 'labels: { own: network }'],
  ])('a volume that docker-compose 2.40 made on every node keeps its data, also after down, on %s', async (_, more) => {
    await host.write('every', {
      'compose.yaml': `
services:
  db: { image: ${sampleImage}, command: sleep 1000, volumes: ["data:/data"], ${more} }
  log: { image: ${sampleImage}, command: sleep 1000, volumes: ["data:/data"], ${more} }
volumes: { data: {} }
`,
    })
    const ok = async (run: Promise<{ code: number | null; stdout: string; stderr: string }>): Promise<string> => {
      const { code, stdout, stderr } = await run
      expect(code, stderr).toBe(0)
      return stdout
    }
    const nodes = async (): Promise<string> => ok(host.compose('every', ['ps', '--format', '{{.Node}}']))
    await ok(host.reference('every', ['up', '-d']))
    const before = await nodes()
    const [home = '', other] = before.trim().split('\n')
    expect(other, 'both share the data, as on one engine').toBe(home)
    await ok(host.compose('every', ['exec', 'db', 'sh', '-c', 'echo data >/data/here']))
    const at =
      running.hosts[
        (await Promise.all(running.hosts.map((each) => each.docker(['info', '-f', '{{.Name}}'])))).findIndex(
          ({ stdout }) => stdout.trim() === home,
        )
      ]!
    for (const name of ['load-1', 'load-2', 'load-3'])
      await at.docker(['run', '-d', '--name', name, sampleImage, 'sleep', '1000'])
    await ok(host.reference('every', ['down', '-t', '1']))
    await ok(host.reference('every', ['up', '-d']))
    expect([await nodes(), await ok(host.compose('every', ['exec', 'log', 'ls', '/data']))]).toEqual([before, 'here\n'])
    // A manager that has seen nothing of this asks the engines.
    await ok(host.compose('every', ['down', '-t', '1']))
    const second = await startManager(join(host.folder, 'second.sock'), 3)
    const there = new ComposeHost(second.engine, { DOCKER_HOST: second.url }, host.folder)
    await ok(there.compose('every', ['up', '-d']))
    expect([await nodes(), await ok(there.compose('every', ['exec', 'db', 'ls', '/data']))]).toEqual([before, 'here\n'])
    second.manager.kill('SIGTERM')
    await once(second.manager, 'close')
    await at.docker(['rm', '-f', 'load-1', 'load-2', 'load-3'])
    await ok(host.compose('every', ['down', '-v', '-t', '1']))
    expect(await host.resources('every')).toEqual([])
  })

  it.each(['ours', 'docker-compose 2.40'])('%s finds what it made, and down -v leaves nothing', async (whose) => {
    const project = whose === 'ours' ? 'own' : 'their'
    const program = whose === 'ours' ? undefined : await findReferenceCompose()
    const compose = async (...args: readonly string[]): Promise<string> => {
      if (program === undefined) {
        const result = await host.compose(project, args)
        expect(result.code, result.stderr).toBe(0)
        return result.stderr
      }
      const cwd = join(host.folder, project)
      const env = { PATH: process.env['PATH'] ?? '', HOME: host.folder, ...host.env }
      const result = await execProgram([program, ...args], { clock: systemClock, cwd, env })
      expect(result.code, result.stderr).toBe(0)
      return result.stderr
    }
    const onHosts = async (kind: string): Promise<readonly string[]> => {
      const filter = `label=com.docker.compose.project=${project}`
      const outputs = await Promise.all(
        running.hosts.map((each) => each.docker([kind, 'ls', '--format', '{{.Name}}', '--filter', filter])),
      )
      return outputs.flatMap(({ stdout }) => stdout.split('\n').filter(Boolean)).sort()
    }
    await host.write(project, { 'compose.yaml': linked.replace('    scale: 3\n', '') })
    await compose('up', '-d')
    const first = await host.containers(project)
    expect([await onHosts('network'), await onHosts('volume')]).toEqual([
      [`${project}_back`, `${project}_front`],
      // By name alone a volume is made on each node; ours comes with the container that uses it.
      Array(program === undefined ? 1 : 3).fill(`${project}_data`),
    ])
    await compose('up', '-d')
    expect((await host.containers(project)).map(({ id }) => id)).toEqual(first.map(({ id }) => id))
    const told = await compose('down', '-v', '-t', '1')
    expect(told).not.toContain('No resource found')
    expect([await onHosts('network'), await onHosts('volume'), await host.containers(project)]).toEqual([[], [], []])
  })

  it('in a swarm made a moment ago a project spans nodes and its services find each other', async () => {
    const [first, ...others] = running.hosts
    const init = await first!.docker(['swarm', 'init', '--advertise-addr', first!.ip])
    expect(init.code, init.stderr).toBe(0)
    const token = (await first!.docker(['swarm', 'join-token', '-q', 'worker'])).stdout.trim()
    for (const other of others) {
      const join = await other.docker(['swarm', 'join', '--token', token, `${first!.ip}:2377`])
      expect(join.code, join.stderr).toBe(0)
    }
    await host.write('wide', { 'compose.yaml': linked })
    const up = await host.compose('wide', ['up', '-d', '--wait', '--wait-timeout', '90'])
    expect(up.code, up.stderr).toBe(0)
    expect(await hostsInUse('wide')).toBe(3)
    const driver = await first!.docker(['network', 'inspect', '-f', '{{.Driver}} {{.Attachable}}', 'wide_back'])
    expect(driver.stdout.trim()).toBe('overlay true')
    const ids = (await host.containers('wide')).map(({ id }) => id)
    const again = await host.compose('wide', ['up', '-d'])
    expect([again.code, (await host.containers('wide')).map(({ id }) => id)]).toEqual([0, ids])
    const down = await host.compose('wide', ['down', '-v', '-t', '1'])
    expect(down.code, down.stderr).toBe(0)
    expect(down.stderr).not.toContain('in use')
    expect(await hostsInUse('wide')).toBe(0)
    // The same names at once: nothing of the old networks is left.
    const back = await host.compose('wide', ['up', '-d', '--wait', '--wait-timeout', '60'])
    expect(back.code, back.stderr).toBe(0)
    await host.compose('wide', ['down', '-v', '-t', '1'])
    // An engine lists a network of the swarm until its own part of it is taken down.
    expect(await host.eventually(async () => (await host.resources('wide')).length === 0, 20_000)).toBe(true)
  })

  // The last one: a host is gone after it.
  it('events go on with the next manager at the same endpoint, each once', async () => {
    await host.write('told', {
      'compose.yaml': `services: { web: { image: ${sampleImage}, scale: 3, network_mode: bridge, command: sleep 1000 } }\n`,
    })
    const up = await host.compose('told', ['up', '-d'])
    expect(up.code, up.stderr).toBe(0)
    const events = host.start('told', ['events', '--json'])
    let [stdout, stderr] = ['', '']
    events.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    events.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    const closed = once(events, 'close')
    const restarts = (): number => stdout.split('"action":"restart"').length - 1
    // Which of them it begins with depends on how fast it starts.
    const isFollowing = async (): Promise<boolean> => {
      await host.compose('told', ['restart', '-t', '0'])
      return restarts() > 0
    }
    expect(await host.eventually(isFollowing), stderr).toBe(true)
    const before = restarts()
    manager?.kill('SIGKILL')
    await once(manager!, 'close')
    const next = await startManager(join(host.folder, 'swarm.sock'), 3)
    manager = next.manager
    await next.engine.close()
    const again = await host.compose('told', ['restart', '-t', '0'])
    expect(again.code, again.stderr).toBe(0)
    expect(await host.eventually(async () => restarts() >= before + 3), `${stdout}\n${stderr}`).toBe(true)
    events.kill('SIGINT')
    expect((await closed)[0]).toBe(130)
    const lines = stdout.trim().split('\n')
    expect(lines).toEqual([...new Set(lines)])
    expect(stderr.split('\n')[0]).toBe(`the event stream ended; following again at ${host.env['DOCKER_HOST']}`)
    await host.compose('told', ['down', '-t', '0'])
  })

  it('the lock of a project holds when the first node that carries it goes, for a manager that has never seen it', async () => {
    const [first, ...others] = [...running.hosts].sort((a, b) => (a.name < b.name ? -1 : 1))
    // The first host may go while containers are made: none of them is made there.
    const elsewhere = `["constraint:node==${others.at(-1)!.name}"]`
    const gated = `
services:
  web:
    image: ${sampleImage}
    network_mode: bridge
    environment: ${elsewhere}
    depends_on: { gate: { condition: service_healthy } }
  gate:
    image: ${sampleImage}
    network_mode: bridge
    environment: ${elsewhere}
    healthcheck: { test: ["CMD", "test", "-e", "/ready"], interval: 1s, retries: 1000 }
`
    await host.write('held', { 'compose.yaml': gated })
    const up = host.start('held', ['up', '-d'])
    up.stdout.resume()
    up.stderr.resume()
    const ended = once(up, 'close')
    const carriers = async (): Promise<number> => {
      const listed = await Promise.all(
        running.hosts.map((each) =>
          each.docker(['volume', 'ls', '-q', '--filter', 'label=flotilla.lock.project=held']),
        ),
      )
      return listed.filter(({ stdout }) => stdout.trim() !== '').length
    }
    expect(await host.eventually(async () => (await carriers()) === 3)).toBe(true)
    await first!.powerOff()
    const second = await startManager(join(host.folder, 'second.sock'), 2)
    try {
      const other = new ComposeHost(second.engine, { DOCKER_HOST: second.url }, host.folder)
      const refused = await other.compose('held', ['up', '-d', '--lock-timeout', '0'])
      expect(up.exitCode).toBe(null)
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('project "held" is in use by')])
    } finally {
      up.kill('SIGKILL')
      await ended
      await second.engine.close()
      second.manager.kill('SIGTERM')
      await once(second.manager, 'close')
    }
  })
})
