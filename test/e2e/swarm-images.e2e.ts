import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isRoot, sampleImage } from './compose-host.ts'
import { dockerClis, eventually, startCluster } from './swarm-cluster.ts'
import type { TestCluster } from './swarm-cluster.ts'

/** Images go from node to node without a registry: all engine versions and both image stores, both ways. */

const baseBytes = 4_000_000
const layerBytes = 300_000
const cli = dockerClis[0]?.path ?? 'docker'

describe.runIf(isRoot)('images without a registry (needs root on Linux)', () => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await startCluster({ engines: ['20.10', '26.1', '28.5', '28.5'], namePrefix: 'im' })
    await useContainerdStore(3)
  }, 180_000)

  afterAll(async () => {
    await cluster?.down()
  })

  /** Restarts the engine of a host with images in containerd's store, and gives it the sample. */
  async function useContainerdStore(index: number): Promise<void> {
    const host = cluster.node(index)
    const settings = JSON.stringify({ features: { 'containerd-snapshotter': true } })
    await host.exec(['sh', '-c', 'mkdir -p /etc/docker && cat > /etc/docker/daemon.json'], { input: settings })
    await host.stopEngine()
    await host.startEngine()
    expect((await host.docker(['info', '-f', '{{json .DriverStatus}}'])).stdout).toContain('io.containerd')
    await eventually(async () => (await cluster.nodeInfo(host.name, 'Status')) === 'Healthy', 60_000, 'its return')
  }

  /** Makes an image of the sample and one random layer on one host, behind the manager's back. */
  async function makeImage(index: number, name: string): Promise<string> {
    const host = cluster.node(index)
    const steps = [
      `dd if=/dev/urandom of=/tmp/random.bin bs=${layerBytes} count=1 iflag=fullblock`,
      `docker create --name make ${sampleImage} true`,
      'docker cp /tmp/random.bin make:/random.bin',
      `docker commit make ${name}`,
      'docker rm make',
    ].join(' && ')
    const line = `{ ${steps}; } > /dev/null && sha256sum < /tmp/random.bin`
    const made = await host.exec(['sh', '-c', line])
    expect(made.code, made.stderr).toBe(0)
    await eventually(
      async () => (await cluster.docker(cli, ['images', '-q', name])).stdout.trim() !== '',
      20_000,
      `listing of ${name}`,
    )
    return made.stdout.slice(0, 64)
  }

  async function receivedBytes(index: number): Promise<number> {
    const { stdout } = await cluster.node(index).exec(['cat', '/proc/net/dev'])
    return Number(/^\s*eth0:\s*(\d+)/m.exec(stdout)?.[1])
  }

  async function sumOn(index: number, image: string): Promise<string> {
    const node = `constraint:node==${cluster.node(index).name}`
    const result = await cluster.docker(cli, ['run', '--rm', '-e', node, image, 'sha256sum', '/random.bin'])
    expect(result.code, result.stderr).toBe(0)
    return result.stdout.slice(0, 64)
  }

  it.each([
    ['20.10 gives to 26.1', 0, 1],
    ['20.10 gives to 28.5', 0, 2],
    ['28.5 gives to 20.10', 2, 0],
    ['26.1 gives to 28.5', 1, 2],
  ])('%s: only the missing layer goes over', async (_, from, to) => {
    const name = `app-${from}-${to}:1`
    const sum = await makeImage(from, name)
    const before = await receivedBytes(to)
    expect(await sumOn(to, name)).toBe(sum)
    const received = (await receivedBytes(to)) - before
    expect(received).toBeGreaterThan(layerBytes)
    expect(received).toBeLessThan(layerBytes + 300_000)
    const onTarget = await cluster.node(to).docker(['image', 'inspect', '-f', '{{.Id}} {{.RepoTags}}', name])
    const onSource = await cluster.node(from).docker(['image', 'inspect', '-f', '{{.Id}} {{.RepoTags}}', name])
    expect([onTarget.code, onTarget.stdout]).toEqual([0, onSource.stdout])
  })

  it('to and from the store of containerd images go whole or in part, and are whole there', async () => {
    const name = 'app-store:1'
    const sum = await makeImage(0, name)
    expect(await sumOn(3, name)).toBe(sum)
    // Its base is there now as the archive had it: a second image leaves it out.
    const second = 'app-store:2'
    const secondSum = await makeImage(2, second)
    const before = await receivedBytes(3)
    expect(await sumOn(3, second)).toBe(secondSum)
    const received = (await receivedBytes(3)) - before
    expect(received).toBeLessThan(baseBytes)
    const whole = await cluster.node(3).exec(['sh', '-c', `docker save ${second} > /dev/null`])
    expect(whole.code, whole.stderr).toBe(0)
    // One row in the list, although the IDs differ.
    const rows = await cluster.docker(cli, ['images', '-q', '--no-trunc', second])
    expect(rows.stdout.trim().split('\n')).toHaveLength(1)
    const back = 'app-back:1'
    const made = await cluster.node(3).exec(['docker', 'tag', second, back])
    expect(made.code, made.stderr).toBe(0)
    await eventually(
      async () => (await cluster.docker(cli, ['images', '-q', back])).stdout !== '',
      20_000,
      'its listing',
    )
    expect(await sumOn(1, back)).toBe(secondSum)
  })

  it('many creates at once on one node are one copy, and an image asked for by ID stays without a name', async () => {
    const name = 'app-many:1'
    await makeImage(0, name)
    const id = (await cluster.node(0).docker(['image', 'inspect', '-f', '{{.Id}}', name])).stdout.trim()
    const creates = await Promise.all(
      ['a', 'b', 'c', 'd'].map((each) =>
        cluster.docker(cli, ['create', '--name', `many-${each}`, '-e', `constraint:node==${cluster.node(1).name}`, id]),
      ),
    )
    expect(creates.map(({ code, stderr }) => [code, stderr])).toEqual(creates.map(() => [0, '']))
    const copies = cluster
      .log()
      .split('\n')
      .filter((line) => line.includes('image copied') && line.includes(id))
    expect(copies).toHaveLength(1)
    const tags = await cluster.node(1).docker(['image', 'inspect', '-f', '{{.RepoTags}}', id])
    expect(tags.stdout.trim()).toBe('[]')
  })

  it('a large image passes through the manager without filling its memory', async () => {
    const { pid } = cluster.manager
    const bytes = 192 * 2 ** 20
    // A file of zeros: costs no disk where it is sparse, and every byte goes through.
    const made = await cluster
      .node(0)
      .exec(['sh', '-c', `truncate -s ${bytes} /tmp/zeros && tar -cf - -C /tmp zeros | docker import - big:1`], {
        timeoutMs: 120_000,
      })
    expect(made.code, made.stderr).toBe(0)
    await eventually(async () => (await cluster.docker(cli, ['images', '-q', 'big'])).stdout !== '', 20_000, 'listing')
    const before = await residentBytes(pid)
    let most = before
    const over = new AbortController()
    const watching = (async () => {
      while (!over.signal.aborted) {
        most = Math.max(most, await residentBytes(pid))
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    })()
    const saved = await cluster.shell(cli, '$D save big:1 | wc -c', 120_000)
    expect(Number(saved.stdout)).toBeGreaterThan(bytes)
    const created = await cluster.docker(
      cli,
      ['create', '--name', 'big', '-e', `constraint:node==${cluster.node(2).name}`, 'big:1', 'true'],
      undefined,
      120_000,
    )
    over.abort()
    await watching
    expect(created.code, created.stderr).toBe(0)
    expect(most - before).toBeLessThan(64 * 2 ** 20)
  }, 240_000)
})

async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? '0') * 1024
}
