import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEngine } from '../../src/engine/client.ts'
import { systemClock } from '../../src/io/clock.ts'
import { ComposeHost, isRoot, sampleImage } from './compose-host.ts'
import { dockerClis, eventually, startCluster } from './swarm-cluster.ts'
import type { TestCluster } from './swarm-cluster.ts'

/** `swarm.overlay=on`: the engines become one swarm, and plain containers on different hosts talk by name. */

const cli = dockerClis[0]?.path ?? 'docker'

describe.runIf(isRoot)('networks over engines of three versions (needs root on Linux)', () => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await startCluster({ engines: ['20.10', '26.1', '28.5', '28.5'], namePrefix: 'ov' }, [
      '--cluster-opt',
      'swarm.overlay=on',
      '--cluster-opt',
      'swarm.overlay.pool=10.222.0.0/16',
    ])
    const joined = (): boolean => (cluster.log().match(/engine joined the swarm as/g) ?? []).length === 3
    await eventually(joined, 90_000, 'the joining of all engines')
  }, 240_000)

  afterAll(async () => {
    await cluster?.down()
  })

  async function docker(...args: readonly string[]): Promise<string> {
    const result = await cluster.docker(cli, args)
    expect(result.code, `${args.join(' ')}: ${result.stderr}`).toBe(0)
    return result.stdout.trim()
  }

  async function refused(...args: readonly string[]): Promise<string> {
    const result = await cluster.docker(cli, args)
    expect(result.code, `${args.join(' ')}: ${result.stdout}`).not.toBe(0)
    return result.stderr
  }

  async function run(index: number, name: string, ...more: readonly string[]): Promise<void> {
    const node = `constraint:node==${cluster.node(index).name}`
    await docker('run', '-d', '--name', name, '-e', node, ...more, sampleImage)
  }

  it('makes three managers and a worker, and tells no token', async () => {
    const rows = await cluster
      .node(0)
      .docker(['node', 'ls', '--format', '{{.Hostname}} {{.Status}} {{.ManagerStatus}}'])
    expect(rows.stdout.split('\n').filter(Boolean).sort()).toEqual([
      'ov1 Ready Leader',
      'ov2 Ready Reachable',
      'ov3 Ready Reachable',
      'ov4 Ready ',
    ])
    expect(cluster.log()).not.toContain('SWMTKN')
  })

  it('containers talk by name and alias over hosts, also on a worker that has never seen the network', async () => {
    await docker('network', 'create', '-d', 'overlay', 'wide')
    expect(await docker('network', 'ls', '--filter', 'name=wide', '--format', '{{.Name}} {{.Scope}}')).toBe(
      'wide swarm',
    )
    expect(await docker('network', 'inspect', '-f', '{{.Attachable}}', 'wide')).toBe('true')
    expect((await cluster.node(3).docker(['network', 'inspect', 'wide'])).code).not.toBe(0)
    await run(3, 'far', '--network', 'wide', '--network-alias', 'web')
    await run(0, 'near', '--network', 'wide')
    const subnet = await docker('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Subnet}}', 'wide')
    expect(subnet).toMatch(/^10\.222\./)
    expect(await docker('exec', 'near', 'wget', '-qO-', 'http://far/')).not.toBe('')
    expect(await docker('exec', 'near', 'wget', '-qO-', 'http://web/')).not.toBe('')
    expect(await docker('exec', 'far', 'wget', '-qO-', 'http://near/')).not.toBe('')
    await docker('network', 'create', '-d', 'overlay', 'later')
    await docker('network', 'connect', 'later', 'far')
    await run(1, 'third', '--network', 'later')
    expect(await docker('exec', 'third', 'wget', '-qO-', 'http://far/')).not.toBe('')
    expect(await refused('network', 'create', '-d', 'overlay', 'wide')).toContain('already exists')
  })

  it('a network goes when its containers have, and says which are left', async () => {
    expect(await refused('network', 'rm', 'later')).toMatch(
      /network later is in use by container (?:far|third) on node/,
    )
    await docker('rm', '-f', 'third')
    await docker('network', 'disconnect', 'later', 'far')
    await docker('network', 'rm', 'later')
    expect(await docker('network', 'ls', '-q', '--filter', 'name=later')).toBe('')
  })

  it('a service of Compose is found by its name through rolling updates, and down leaves no volume in the lists', async () => {
    const engine = openEngine(
      { kind: 'unix', path: cluster.socket },
      { clock: systemClock, userAgent: 'flotilla-test' },
    )
    const host = new ComposeHost(engine, { DOCKER_HOST: cluster.host }, await mkdtemp(join(tmpdir(), 'compose-e2e-')))
    const up = async (version: string): Promise<readonly string[]> => {
      const update = '{ order: start-first, parallelism: 2, monitor: 300ms }'
      const web = `labels: { v: "${version}" }, scale: 3, volumes: ["data:/data"], deploy: { update_config: ${update} }`
      const text = `services:\n  probe: { image: ${sampleImage} }\n  web: { image: ${sampleImage}, ${web} }\nvolumes: { data: {} }\n`
      await host.write('wide', { 'compose.yaml': text })
      const result = await host.compose('wide', ['up', '-d', '-t', '1'])
      expect(result.code, result.stderr).toBe(0)
      expect((await host.compose('wide', ['plan'])).stdout).toContain('nothing to do')
      return (await host.containers('wide')).map(({ name, state }) => `${name} ${state}`)
    }
    const names = (...numbers: readonly number[]): readonly string[] =>
      ['probe-1', ...numbers.map((number) => `web-${number}`)].map((name) => `wide-${name} running`)
    try {
      expect(await up('1')).toEqual(names(1, 2, 3))
      for (const [version, numbers] of [
        ['2', [4, 5, 6]],
        ['3', [1, 2, 3]],
      ] as const) {
        expect(await up(version)).toEqual(names(...numbers))
        expect(await docker('exec', 'wide-probe-1', 'wget', '-qO-', 'http://web/')).toMatch(/^[0-9a-f]{12}$/)
      }
      expect(await docker('volume', 'ls', '-q')).toBe('wide_data')
      const down = await host.compose('wide', ['down', '-v', '-t', '1'])
      expect(down.code, down.stderr).toBe(0)
      expect(await docker('volume', 'ls', '-q')).toBe('')
    } finally {
      await host.close()
    }
  })

  it('warns that encrypted networks may lose everything', async () => {
    const create = `curl -sS --unix-socket ${cluster.socket} -H 'content-type: application/json' -d '{"Name":"secret","Driver":"overlay","Options":{"encrypted":""}}' http://x/networks/create`
    const made = await cluster.shell(cli, create)
    expect(JSON.parse(made.stdout)).toEqual({ Id: expect.any(String), Warning: expect.stringContaining('ESP') })
    await docker('network', 'rm', 'secret')
  })

  it('what a dead node holds is named, and force lets go of it', async () => {
    await cluster.node(3).powerOff()
    await eventually(async () => (await cluster.nodeInfo('ov4', 'Status')) === 'Unhealthy', 60_000, 'its fall')
    await docker('rm', '-f', 'near')
    expect(await refused('network', 'rm', 'wide')).toMatch(
      /in use by container far on node ov4, which does not answer: .*docker node rm --force ov4/,
    )
    await docker('network', 'disconnect', '-f', 'wide', 'far')
    await cluster.node(0).docker(['node', 'rm', '--force', 'ov4'])
    await docker('network', 'rm', 'wide')
  })

  it('without a majority of managers plain containers go on, and the way out is told', async () => {
    await Promise.all([cluster.node(1).stopEngine(), cluster.node(2).stopEngine()])
    const isTold = (): boolean => /that engine ov1 manages does not work.*force-new-cluster/.test(cluster.log())
    await eventually(isTold, 60_000, 'the warning')
    const error = await refused('network', 'create', '-d', 'overlay', 'lost')
    expect(error).toMatch(/does not have a leader.*Containers are not affected.*start more of its managers/)
    await run(0, 'alone')
    expect(await docker('ps', '--filter', 'name=alone', '--format', '{{.Names}}')).toContain('alone')
  })
})
