import { mkdtemp, rm, stat, readdir } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { registerAll, startManagerIn } from './manager-in-host.ts'
import type { InsideManager } from './manager-in-host.ts'
import { programForms } from './programs.ts'
import type { RunResult } from './programs.ts'
import { eventually, startCluster } from './swarm-cluster.ts'
import type { TestCluster } from './swarm-cluster.ts'

const cli = '/usr/bin/docker'

/** Containers that follow when their host fails, is drained or comes back, on real engines in native swarm mode. */
let cluster: TestCluster
let state: string
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'flotilla-state-'))
  cluster = await startCluster({ engines: ['28.5', '28.5', '20.10'] }, ['--state-dir', state])
})
afterAll(async () => {
  await cluster?.down()
  await rm(state, { recursive: true, force: true })
})

// A second try begins with the cluster as it was: all nodes there and in service, and nothing of the first one.
afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail' || cluster.manager.signalCode !== null) return
  const removal = 'docker ps -aq | xargs -r docker rm -f; docker swarm leave --force; docker network prune -f'
  for (const host of cluster.lab.hosts) {
    const isUp = await host.docker(['ps', '-q']).then(
      ({ code }) => code === 0,
      () => false,
    )
    if (!isUp) {
      await host.powerOff()
      await host.powerOn()
    }
    await swarm('undrain', host.name)
    await host.exec(['sh', '-c', removal])
  }
  const areBack = async (): Promise<boolean> => (await swarm('nodes')).stdout.match(/ healthy +active /g)?.length === 3
  await eventually(areBack, 90_000, 'the return of all nodes')
})

async function shell(line: string): Promise<RunResult> {
  return cluster.shell(cli, line)
}

async function must(line: string): Promise<string> {
  const result = await shell(line)
  expect(result.code, `${line}: ${result.stderr}\n${cluster.log()}`).toBe(0)
  return result.stdout.trim()
}

/** `node1/web`, for containers in any state of nodes that answer. */
async function places(name: string): Promise<readonly string[]> {
  const lines = (await shell(`$D ps -a --format '{{.Names}}'`)).stdout.split('\n')
  return lines.filter((line) => line.endsWith(`/${name}`))
}

/** Names of the hosts whose engine has a container of that name. */
async function holders(name: string): Promise<readonly string[]> {
  const found: string[] = []
  for (const host of cluster.lab.hosts) {
    const { stdout } = await host.docker(['ps', '-a', '--filter', `name=^/${name}$`, '--format', '{{.Names}}'])
    if (stdout.trim() === name) found.push(host.name)
  }
  return found
}

async function isRunningOn(name: string, node: RegExp): Promise<boolean> {
  const { stdout } = await shell(`$D inspect -f '{{.Node.Name}} {{.State.Running}}' ${name}`)
  const [where = '', running] = stdout.trim().split(' ')
  return node.test(where) && running === 'true'
}

function swarm(...args: readonly string[]): Promise<RunResult> {
  const form = programForms[0]
  if (form === undefined) throw new Error('no program form')
  return form.run('swarm', args, { env: { DOCKER_HOST: cluster.host }, timeoutMs: 120_000 })
}

/** As `eventually`, with the manager's log where it does not come about. */
async function soon(check: () => Promise<boolean> | boolean, limitMs: number, what: string): Promise<void> {
  await eventually(check, limitMs, what).catch(async (error: unknown) => {
    const moves = await swarm('nodes', 'node3')
    throw new Error(`${String(error)}\n${moves.stdout}\n${cluster.log()}`, { cause: error })
  })
}

const policy = '-e reschedule:on-node-failure'

describe('policies', () => {
  it('are refused in the words of classic Swarm, and off unless asked for', async () => {
    const twice = await shell(`$D create ${policy} -e reschedule:off $I`)
    expect(twice.stderr).toContain('too many reschedule policies')
    expect((await shell('$D create -e reschedule:always $I')).stderr).toContain('invalid reschedule policy: always')
    await must(`$D create --name odd -e reschedule:on-node-failure= $I`)
    const label = '{{index .Config.Labels "com.docker.swarm.reschedule-policies"}}'
    expect(await must(`$D inspect -f '${label}' odd`)).toBe('["on-node-failure"]')
    await must('$D rm odd')
  })
})

describe('a host', () => {
  it('that loses power gives its containers to others, with network alias, and loses them when it returns', async () => {
    const [first, ...others] = cluster.lab.hosts
    await first?.docker(['swarm', 'init', '--advertise-addr', first.ip])
    const token = (await first?.docker(['swarm', 'join-token', '-q', 'worker']))?.stdout.trim() ?? ''
    for (const other of others) await other.docker(['swarm', 'join', '--token', token, `${first?.ip}:2377`])
    await must('$D network create -d overlay --attachable wide')
    await must('$D run -d --name probe --network wide -e constraint:node==node1 $I sleep 1000')
    const serve = `--network wide --network-alias www -e constraint:node!=node1`
    await must(`$D run -d --name web -p 8080:80 -m 32m ${serve} -e constraint:node==~node3 ${policy} $I`)
    await must('$D run -d --name plain -e constraint:node==node3 $I sleep 1000')
    expect(await places('web')).toEqual(['node3/web'])
    const old = await must(`$D inspect -f '{{.Id}}' web`)
    await soon(async () => (await readdir(join(state, 'containers'))).length === 1, 5000, 'the record')
    const [record = ''] = await readdir(join(state, 'containers'))
    expect((await stat(join(state, 'containers', record))).mode & 0o777).toBe(0o600)

    await cluster.node(2).powerOff()
    await soon(() => isRunningOn('web', /^node2$/), 60_000, 'the replacement')
    const made = await must(`$D inspect -f '{{.Id}}' web`)
    expect(cluster.log()).toContain(`Rescheduled container ${old} from node3 to node2 as ${made}`)
    expect(cluster.log()).toContain(`Container ${old} was running, starting container ${made}`)
    expect(await must(`$D inspect -f '{{.HostConfig.Memory}} {{.HostConfig.PortBindings}}' web`)).toBe(
      '33554432 map[80/tcp:[{ 8080}]]',
    )
    const address = await must(`$D inspect -f '{{.NetworkSettings.Networks.wide.IPAddress}}' web`)
    const found = async (): Promise<string> => (await shell('$D exec probe ping -c 1 -W 2 www')).stdout
    await soon(async () => (await found()).includes(`64 bytes from ${address}`), 30_000, 'the name at its new place')
    expect(await places('plain')).toEqual(['node3/plain'])

    await cluster.node(2).powerOn()
    await soon(async () => (await holders('web')).join() === 'node2', 40_000, 'the removal of the old one')
    expect(await holders('plain')).toEqual(['node3'])
    expect(await places('web')).toEqual(['node2/web'])
  })

  it('that is drained gives them away and takes nothing new', async () => {
    const drained = await swarm('drain', 'node2', '--timeout', '90s')
    expect(drained, cluster.log()).toMatchObject({ code: 0, stdout: 'node2 is drained\n' })
    expect(await isRunningOn('web', /^node3$/)).toBe(true)
    expect(await holders('web')).toEqual(['node3'])
    const nodes = JSON.parse((await swarm('nodes', '--format', 'json')).stdout) as Record<string, unknown>[]
    expect(nodes.map((node) => [node['Name'], node['State'], node['Availability']])).toEqual([
      ['node1', 'healthy', 'active'],
      ['node2', 'healthy', 'drain'],
      ['node3', 'healthy', 'active'],
    ])
    expect((await swarm('nodes')).stdout).toMatch(/^NODE +ADDRESS +STATE +AVAILABILITY[^\n]*\nnode1 /)
    expect((await shell('$D create -e constraint:node==node2 $I')).stderr).toContain('(1 node is drained or paused)')
    expect(await swarm('undrain', 'node9')).toMatchObject({ code: 1, stdout: '' })
    expect(await swarm('undrain', 'node2')).toMatchObject({ code: 0, stdout: 'node2 is back in service\n' })
    await must('$D rm $($D create -e constraint:node==node2 $I)')
    expect((await swarm('rebalance', '--plan')).stdout).toMatch(/nothing to move|difference of nodes/)
  })

  it('that fails while the manager is being replaced is dealt with once; one that comes and goes is not', async () => {
    await cluster.node(2).kill()
    await soon(() => cluster.log().split('Flagging engine').length > 2, 30_000, 'the failure')
    await cluster.restartManager()
    await soon(() => isRunningOn('web', /^node2$/), 60_000, 'the replacement')
    await cluster.node(2).startEngine()
    await soon(async () => (await holders('web')).join() === 'node2', 40_000, 'the removal of the old one')
    const before = cluster.log().split('Rescheduled container').length
    // Shorter than it takes to call it dead.
    for (let round = 0; round < 2; round += 1) {
      await cluster.node(1).pause()
      await new Promise((resolve) => setTimeout(resolve, 1500))
      await cluster.node(1).resume()
      await new Promise((resolve) => setTimeout(resolve, 1500))
    }
    expect(await holders('web')).toEqual(['node2'])
    expect(cluster.log().split('Rescheduled container').length).toBe(before)
    expect(await must(`$D rm -f web probe plain; $D ps -aq`)).toBe(['web', 'probe', 'plain'].join('\n'))
  })

  it('that is cordoned gets nothing new and keeps what it has; labels given to it live count for constraints', async () => {
    await must('$D run -d --name stays -e constraint:node==node3 $I sleep 1000')
    expect(await swarm('cordon', 'node3')).toMatchObject({ code: 0, stdout: 'node3 gets nothing new\n' })
    expect((await shell('$D create -e constraint:node==node3 $I')).stderr).toContain('(1 node is drained or paused)')
    expect(await isRunningOn('stays', /^node3$/)).toBe(true)
    expect(await swarm('undrain', 'node3')).toMatchObject({ code: 0 })
    expect(await label('node3', { disk: 'ssd' })).toBe(200)
    await must('$D run -d --name fast -e constraint:disk==ssd $I sleep 1000')
    expect(await isRunningOn('fast', /^node3$/)).toBe(true)
    expect(await label('node3', { disk: null })).toBe(200)
    expect((await shell('$D create -e constraint:disk==ssd $I')).stderr).toContain('nable to find a node')
    await must('$D rm -f stays fast')
  })

  it('that holds more than the others gives some away when the cluster is rebalanced', async () => {
    const names = ['r1', 'r2', 'r3', 'r4']
    await swarm('cordon', 'node1')
    await swarm('cordon', 'node3')
    for (const name of names) await must(`$D run -d --name ${name} ${policy} $I sleep 1000`)
    await swarm('undrain', 'node1')
    await swarm('undrain', 'node3')
    const plan = await swarm('rebalance', '--plan')
    expect(plan.stdout).toMatch(/^CONTAINER +FROM +TO\n[^\n]*node2 +node[13]\n/)
    expect(await swarm('rebalance', '--plan', '--apply')).toMatchObject({ code: 1 })
    const applied = await swarm('rebalance', '--apply')
    expect(applied.stdout, cluster.log()).toMatch(/; [23] moves begun\n$/)
    await soon(async () => (await runningOn('node2')) <= 2, 60_000, 'the moves')
    for (const name of names) {
      await soon(() => isRunningOn(name, /^node[123]$/), 30_000, `${name} running`)
      expect(await holders(name), cluster.log()).toHaveLength(1)
    }
    await must(`$D rm -f ${names.join(' ')}`)
  })
})

describe('a host that the leading manager alone cannot reach', () => {
  it('keeps its containers while another manager reaches it, and they move when none does', async () => {
    cluster.manager.kill('SIGKILL')
    const { lab, folder } = cluster
    const [first, second, third] = [cluster.node(0), cluster.node(1), cluster.node(2)]
    const etcd = await lab.kv('etcd')
    const url = `etcd://${etcd.address}/observers`
    const store = await registerAll(lab, url)
    const managers: InsideManager[] = []
    const logs = (): string => managers.map((each) => each.log()).join('\n---\n')
    const wait = (check: () => Promise<boolean> | boolean, limitMs: number, what: string): Promise<unknown> =>
      eventually(check, limitMs, what).catch((error: unknown) =>
        Promise.reject(new Error(`${String(error)}\n${logs()}`)),
      )
    try {
      const args = ['--engine-failure-retry', '2', url]
      const leader = await startManagerIn(lab, second, folder, args)
      managers.push(leader)
      await wait(
        async () => (await leader.ask('GET', '/flotilla/leader')).body.includes('"primary","'),
        20_000,
        'a leader',
      )
      const other = await startManagerIn(lab, third, folder, args)
      managers.push(other)
      const others = async (): Promise<string> => (await leader.ask('GET', '/flotilla/managers')).body
      await wait(async () => (await others()).includes(other.address), 20_000, 'word of the other manager')
      const body = {
        Image: 'flotilla/sample',
        Cmd: ['sleep', '1000'],
        Env: ['constraint:node==~node1', 'reschedule:on-node-failure'],
      }
      const made = await other.ask('POST', '/containers/create?name=kept', body)
      expect(made.status, made.body + logs()).toBe(201)
      expect((await other.ask('POST', '/containers/kept/start')).status).toBe(204)
      expect(await holders('kept')).toEqual(['node1'])

      await second.partition(first)
      const seen = `not reached from here, but from manager ${other.address}`
      await wait(
        () => leader.log().includes(`is ${seen}: its containers stay where they are`),
        60_000,
        'the word of the other',
      )
      const node = JSON.parse((await other.ask('GET', '/flotilla/nodes/node1')).body) as Record<string, unknown>
      expect(node).toMatchObject({ State: 'unhealthy', ReachedBy: [other.address], ContainersHeld: 1 })
      expect(String(node['Error'])).toContain(seen)
      expect(node['Moves']).toMatchObject([{ Name: 'kept', State: 'held', Why: `node node1 is ${seen}` }])
      // Creates go where the leader reaches an engine, and say so where they may not.
      const pinned = { Image: 'flotilla/sample', Env: ['constraint:node==node1'] }
      expect((await other.ask('POST', '/containers/create', pinned)).status).toBe(500)
      expect((await other.ask('POST', '/flotilla/explain', pinned)).body).toContain(seen)
      expect((await other.ask('POST', '/containers/create?name=free', { Image: 'flotilla/sample' })).status).toBe(201)
      expect((await other.ask('POST', '/containers/kept/stop')).body).toContain(seen)
      expect((await leader.ask('GET', '/flotilla/metrics')).body).toMatch(
        /^flotilla_engine_reached_by_others\{node="node1",[^}]*\} 1$/m,
      )
      await new Promise((resolve) => setTimeout(resolve, 5000))
      expect(await holders('kept'), logs()).toEqual(['node1'])

      await first.drop()
      await wait(
        () => /Rescheduled container \w+ from node1 to node[23] as/.test(leader.log()),
        60_000,
        'the replacement',
      )
      await first.heal()
      await second.heal()
      await wait(
        async () => (await holders('kept')).join() !== '' && !(await holders('kept')).includes('node1'),
        60_000,
        'the removal',
      )
      expect(await holders('kept')).toHaveLength(1)
      expect((await other.ask('DELETE', '/containers/kept?force=1')).status).toBe(204)
      expect((await other.ask('DELETE', '/containers/free?force=1')).status).toBe(204)
    } finally {
      await Promise.all([first.heal(), second.heal()])
      await Promise.all(managers.map((each) => each.kill()))
      await store.close()
    }
  })
})

/** Gives a node labels over the management API. @returns the status */
function label(node: string, labels: Readonly<Record<string, string | null>>): Promise<number | undefined> {
  const body = JSON.stringify({ Labels: labels })
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const socketPath = cluster.host.replace('unix://', '')
    const asked = request({ socketPath, method: 'POST', path: `/flotilla/nodes/${node}/labels`, headers }, (reply) => {
      reply.resume().on('end', () => resolve(reply.statusCode))
    })
    asked.on('error', reject).end(body)
  })
}

/** How many containers of the cluster run on a node. */
async function runningOn(node: string): Promise<number> {
  const lines = (await must(`$D ps --format '{{.Names}}'`)).split('\n')
  return lines.filter((line) => line.startsWith(`${node}/`)).length
}
