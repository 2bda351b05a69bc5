import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/io/clock.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'
import { collect } from './programs.ts'
import type { RunResult } from './programs.ts'

/** What goes wrong on a real engine is named, leaves what ran running, and is mended by the next `up`. */

describe.runIf(isRoot)('compose where things go wrong (needs root on Linux)', () => {
  let running: Lab
  let host: ComposeHost

  beforeAll(async () => {
    running = await lab({ image: true, namePrefix: 'flt' })
    host = await openComposeHost(running.hosts[0]!)
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  const service = (extra: string): string => `services: { web: { image: "${sampleImage}", ${extra} } }\n`

  async function run(project: string, file: string, ...args: readonly string[]): Promise<RunResult> {
    await host.write(project, { 'compose.yaml': file })
    return host.compose(project, args)
  }

  it('dry runs of every command that acts change nothing and say what they would do', async () => {
    expect((await run('dry', service('labels: { v: "1" }'), 'up', '-d')).code).toBe(0)
    const outputs: string[] = []
    const changes = await host.changesDuring(async () => {
      for (const args of [
        ['up', '-d'],
        ['up', '--force-recreate', '-d'],
        ['up'],
        ['create', '--force-recreate'],
        ['stop'],
        ['restart'],
        ['kill'],
        ['pause'],
        ['down', '-v', '--rmi', 'all'],
      ]) {
        const result = await run('dry', service('labels: { v: "2" }'), '--dry-run', ...args)
        expect(result.code, result.stderr).toBe(0)
        outputs.push(`${args[0]}: ${result.stderr.trimEnd().split('\n').at(-1) ?? ''}`)
      }
      for (const verb of ['create', 'up']) {
        const { code, stdout } = await host.compose('dry', [verb, '--plan', '--force-recreate'])
        expect([code, stdout]).toEqual([0, expect.stringContaining('~ replace container dry-web-1')])
      }
    })
    expect(changes).toEqual([])
    expect(outputs).toEqual([
      'up:  DRY-RUN MODE -  Container dry-web-1  Started',
      'up:  DRY-RUN MODE -  Container dry-web-1  Started',
      'up:  DRY-RUN MODE -  Container dry-web-1  Started',
      'create:  DRY-RUN MODE -  Container dry-web-1  Recreated',
      'stop:  DRY-RUN MODE -  Container dry-web-1  Stopped',
      'restart:  DRY-RUN MODE -  Container dry-web-1  Started',
      'kill:  DRY-RUN MODE -  Container dry-web-1  Killed',
      'pause:  DRY-RUN MODE -  Container dry-web-1  Paused',
      `down:  DRY-RUN MODE -  Image ${sampleImage}  Removed`,
    ])
    await host.compose('dry', ['down', '-t', '1'])
  })

  it('an image nobody has, a port in use and a name of another project are named', async () => {
    const image = await run('absent', 'services: { web: { image: "127.0.0.1:1/no/such" } }\n', 'up', '-d')
    expect([image.code, image.stderr]).toEqual([1, expect.stringMatching(/127\.0\.0\.1:1.*connection refused/)])
    expect(image.stderr).toContain('this happened at web, step pull-image')

    const fixed = service('container_name: only-one, ports: ["8099:80"]')
    expect((await run('first', fixed, 'up', '-d')).code).toBe(0)
    const name = await run('second', fixed, 'up', '-d')
    expect([name.code, name.stderr]).toEqual([
      1,
      expect.stringMatching(/Conflict\. The container name "\/only-one" is already in use by container "[0-9a-f]{64}"/),
    ])
    const port = await run('third', service('ports: ["8099:80"]'), 'up', '-d')
    expect([port.code, port.stderr]).toEqual([1, expect.stringContaining('port is already allocated')])
    expect((await host.containers('first')).map(({ state }) => state)).toEqual(['running'])
    for (const project of ['first', 'second', 'third']) await host.compose(project, ['down', '-t', '1'])
  })

  it('two services with one container name are refused before anything is made', async () => {
    const file = `services:\n  a: { image: ${sampleImage}, container_name: same }\n  b: { image: ${sampleImage}, container_name: same }\n`
    for (const verb of [['up', '-d'], ['create']]) {
      const result = await run('twice', file, ...verb)
      expect([result.code, result.stderr]).toEqual([
        1,
        expect.stringContaining('services.b: container name "same" is already in use by service a'),
      ])
    }
    expect([await host.containers('twice'), await host.resources('twice')]).toEqual([[], []])
  })

  it('a network that others still use stays, with a warning', async () => {
    expect((await run('shared', service('labels: {}'), 'up', '-d')).code).toBe(0)
    const guest = await running.hosts[0]!.docker(['run', '-d', '--network', 'shared_default', sampleImage])
    const down = await host.compose('shared', ['down', '-t', '1'])
    expect([down.code, down.stderr]).toEqual([
      0,
      expect.stringContaining('Network shared_default  Resource is still in use'),
    ])
    await running.hosts[0]!.docker(['rm', '-f', guest.stdout.trim()])
    expect((await host.compose('shared', ['down'])).code).toBe(0)
    expect(await host.resources('shared')).toEqual([])
  })

  it('an engine that dies in the middle of up is named, and the next up finishes the work', async () => {
    // More than are made and started while the engine is being killed.
    const file = `services:\n${Array.from({ length: 14 }, (_, index) => index + 1)
      .map((number) => `  s${number}: { image: ${sampleImage}${number > 1 ? `, depends_on: [s${number - 1}]` : ''} }\n`)
      .join('')}`
    await host.write('killed', { 'compose.yaml': file })
    const up = host.start('killed', ['up', '-d'])
    let stderr = ''
    let isKilled = false
    const closed = once(up, 'close')
    await new Promise<void>((resolve, reject) => {
      up.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString()
        if (isKilled || !stderr.includes('Container killed-s2-1  Starting')) return
        isKilled = true
        running.hosts[0]!.kill().then(resolve, reject)
      })
      up.once('close', () => resolve())
    })
    expect((await closed)[0], stderr).toBe(1)
    expect(stderr).toContain(`cannot reach engine "${running.hosts[0]!.url}": `)
    expect(stderr).not.toMatch(/\n\s+at /)
    // A reboot, not only a new dockerd: 20.10 trips over what a shim left that died while it was started.
    await running.hosts[0]!.powerOff()
    await running.hosts[0]!.powerOn()
    const again = await host.compose('killed', ['up', '-d'])
    expect(again.code, again.stderr).toBe(0)
    expect((await host.containers('killed')).map(({ state }) => state)).toEqual(Array(14).fill('running'))
    await host.compose('killed', ['down', '-t', '1'])
  })

  it('an engine that dies under commands that follow, run and build ends each, named', async () => {
    const dockerfile = JSON.stringify(`FROM ${sampleImage}\nRUN ["sleep", "100"]`)
    const built = `{ build: { context: ., dockerfile_inline: ${dockerfile} } }`
    await host.write('died', { 'compose.yaml': `services: { web: { image: "${sampleImage}" }, built: ${built} }\n` })
    const up = await host.compose('died', ['up', '-d', 'web'])
    expect(up.code, up.stderr).toBe(0)
    const commands = [['logs', '-f'], ['events'], ['exec', '-T', 'web', 'sleep', '1000'], ['up', 'web'], ['build']]
    const ends = commands.map((args) => collect(host.start('died', args), 60_000))
    await systemClock.sleep(6000)
    await running.hosts[0]!.kill()
    for (const [index, { code, stderr }] of (await Promise.all(ends)).entries()) {
      expect([code, stderr], commands[index]?.join(' ')).toEqual([1, expect.stringContaining(running.hosts[0]!.url)])
      expect(stderr).not.toMatch(/\n\s+at |HTTP\/2|ECONN/)
    }
    await running.hosts[0]!.startEngine()
    await host.compose('died', ['down', '-t', '1'])
  })
})
