import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, startCluster } from './swarm-cluster.ts'
import type { TestCluster } from './swarm-cluster.ts'

const cli = '/usr/bin/docker'
/** Generous: engines of busy machines take their time to stop containers. */
const limitMs = 30_000

/** Real engines that restart under their containers, and disks that are full. */
let cluster: TestCluster
beforeAll(async () => {
  cluster = await startCluster({ engines: ['20.10', '28.5'] })
})
afterAll(async () => {
  await cluster?.down()
})

async function stateOf(name: string): Promise<string> {
  return (await cluster.shell(cli, `$D ps -a --filter name=${name} --format '{{.State}}'`)).stdout.trim()
}

async function restart(index: number): Promise<void> {
  await cluster.node(index).stopEngine()
  await cluster.node(index).startEngine()
  const node = `node${index + 1}`
  await eventually(async () => (await cluster.nodeInfo(node, 'Status')) === 'Healthy', limitMs, 'health')
}

describe('an engine that restarts with its containers', () => {
  it('ends them: the list says so, and those that come back by themselves run again', async () => {
    const run = '$D run -d -e constraint:node==node1'
    await cluster.shell(cli, `${run} --name ends $I sleep 600; ${run} --restart always --name stays $I sleep 600`)
    await restart(0)
    await eventually(async () => (await stateOf('ends')) === 'exited', limitMs, 'the end of the container')
    await eventually(async () => (await stateOf('stays')) === 'running', limitMs, 'the new run')
    await cluster.shell(cli, '$D rm -f ends stays')
  })

  it('leaves them running with live-restore, and the list never says otherwise afterwards', async () => {
    const host = cluster.node(1)
    await host.exec(['mkdir', '-p', '/etc/docker'])
    await host.exec(['tee', '/etc/docker/daemon.json'], { input: '{"live-restore":true}' })
    await restart(1)
    await cluster.shell(cli, '$D run -d --name lives -e constraint:node==node2 $I sleep 600')
    const before = (await cluster.shell(cli, '$D inspect -f "{{.State.Pid}}" lives')).stdout
    await restart(1)
    expect(await stateOf('lives')).toBe('running')
    expect((await cluster.shell(cli, '$D inspect -f "{{.State.Pid}}" lives')).stdout).toBe(before)
    expect((await cluster.shell(cli, '$D exec lives echo alive')).stdout).toBe('alive\n')
    await cluster.shell(cli, '$D rm -f lives')
  })
})

describe('a disk that is full', () => {
  it('is told in the engine’s words with its name, and the other nodes have the image', async () => {
    const { address } = await cluster.lab.registry()
    const image = `${address}/full:1`
    for (const args of [
      ['tag', 'flotilla/sample', image],
      ['push', '-q', image],
      ['rmi', image],
    ]) {
      const result = await cluster.node(0).docker(args)
      expect(result.code, result.stderr).toBe(0)
    }
    for (const index of [0, 1]) await cluster.node(index).docker(['rmi', '-f', 'flotilla/sample'])
    const host = cluster.node(1)
    const mounted = await host.exec(['mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', '/var/lib/docker/tmp'])
    expect(mounted.code, mounted.stderr).toBe(0)
    try {
      const pulled = await cluster.docker(cli, ['pull', image])
      expect(pulled.code).not.toBe(0)
      expect(pulled.stdout + pulled.stderr).toMatch(/node2.*no space left on device/)
      expect((await cluster.node(0).docker(['image', 'inspect', image])).code).toBe(0)
    } finally {
      await host.exec(['umount', '/var/lib/docker/tmp'])
    }
    expect((await cluster.docker(cli, ['pull', image])).code).toBe(0)
  })

  it('is told of a create, and the create goes to a node that has room when it may', async () => {
    const host = cluster.node(1)
    await cluster.node(0).docker(['pull', '-q', `${(await cluster.lab.registry()).address}/full:1`])
    const image = `${(await cluster.lab.registry()).address}/full:1`
    const mounted = await host.exec(['mount', '-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', '/var/lib/docker/containers'])
    expect(mounted.code, mounted.stderr).toBe(0)
    try {
      await host.exec(['sh', '-c', 'head -c 4096 /dev/zero > /var/lib/docker/containers/filler'])
      const there = await cluster.docker(cli, ['create', '--name', 'nowhere', '-e', 'constraint:node==node2', image])
      expect(there.code).not.toBe(0)
      expect(there.stderr).toMatch(/node2.*no space left on device/)
      expect((await cluster.docker(cli, ['ps', '-aq', '--filter', 'name=nowhere'])).stdout).toBe('')
      // The emptier node is tried first.
      await cluster.shell(cli, `for n in 1 2 3; do $D create --name busy$n -e constraint:node==node1 ${image}; done`)
      const elsewhere = await cluster.docker(cli, ['create', '--name', 'somewhere', image])
      expect(elsewhere.code, elsewhere.stderr).toBe(0)
      expect(elsewhere.stderr).toMatch(/node node2: .*no space left on device: made on node node1 instead/)
      await cluster.shell(cli, '$D rm -f busy1 busy2 busy3 somewhere')
    } finally {
      await host.exec(['umount', '/var/lib/docker/containers'])
    }
    expect(
      (await cluster.docker(cli, ['create', '--name', 'nowhere', '-e', 'constraint:node==node2', image])).code,
    ).toBe(0)
    await cluster.docker(cli, ['rm', '-f', 'nowhere'])
  })

  it('ends a build with the engine’s words', async () => {
    const host = cluster.node(0)
    const mounted = await host.exec(['mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', '/var/lib/docker/tmp'])
    expect(mounted.code, mounted.stderr).toBe(0)
    try {
      const line = `mkdir -p /tmp/full-$$ && cd /tmp/full-$$ && head -c 1000000 /dev/urandom > big && printf 'FROM scratch\\nCOPY big /big\\n' > Dockerfile && DOCKER_BUILDKIT=0 $D build --build-arg constraint:node==node1 . ; code=$?; rm -rf /tmp/full-$$; exit $code`
      const built = await cluster.shell(cli, line)
      expect(built.code).not.toBe(0)
      expect(built.stdout + built.stderr).toMatch(/no space left on device/)
    } finally {
      await host.exec(['umount', '/var/lib/docker/tmp'])
    }
  })
})
