import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'

/** `up`, `down`, `ps` and `logs` on real engines, judged by what the engine says. */

const file = (webValue: string): string => `
services:
  web:
    image: ${sampleImage}
    environment: { VALUE: "${webValue}" }
    depends_on:
      db: { condition: service_healthy }
      init: { condition: service_completed_successfully }
    networks: { default: {}, back: { aliases: [www] } }
  db:
    image: ${sampleImage}
    volumes: ["data:/data", "/scratch"]
    healthcheck: { test: ["CMD", "true"], interval: 1s }
    networks: [back]
  init:
    image: ${sampleImage}
    command: ["sh", "-c", "echo prepared"]
    network_mode: none
networks: { back: {} }
volumes: { data: {} }
`

describe.runIf(isRoot).each(['20.10', '28.5'])('compose on engine %s (needs root on Linux)', (version) => {
  let running: Lab | undefined
  let host: ComposeHost

  beforeAll(async () => {
    running = await lab({ engines: [version], image: true, namePrefix: 'cmp' })
    host = await openComposeHost(running.hosts[0]!, version === '20.10' ? 'executable' : 'node')
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  it('brings a project up in dependency order and takes it down without a trace', async () => {
    await host.write('life', { 'compose.yaml': file('1') })
    const up = await host.compose('life', ['up', '-d'])
    expect(up.code, up.stderr).toBe(0)
    expect((await host.containers('life')).map(({ name, state }) => `${name} ${state}`)).toEqual([
      'life-db-1 running',
      'life-init-1 exited',
      'life-web-1 running',
    ])
    expect(await host.resources('life')).toEqual(['life_back', 'life_data', 'life_default'])
    const lines = up.stderr.split('\n')
    const at = (line: string): number => lines.findIndex((entry) => entry.trim() === line)
    expect(at('Container life-db-1  Healthy')).toBeGreaterThan(at('Container life-db-1  Started'))
    expect(at('Container life-web-1  Starting')).toBeGreaterThan(at('Container life-db-1  Healthy'))
    expect(at('Container life-web-1  Starting')).toBeGreaterThan(at('Container life-init-1  Exited'))

    const down = await host.compose('life', ['down', '-v', '-t', '1'])
    expect(down.code, down.stderr).toBe(0)
    expect([await host.containers('life'), await host.resources('life')]).toEqual([[], []])
    const again = await host.compose('life', ['down'])
    expect(again.code).toBe(0)
    expect(again.stderr).toMatch(/level=warning msg="Warning: No resource found to remove for project \\"life\\"\."\n$/)
  })

  it('a second up changes nothing on the engine', async () => {
    const steady = `services:\n  a: { image: ${sampleImage}, scale: 2 }\n  b: { image: ${sampleImage}, depends_on: [a], volumes: ["keep:/v"] }\nvolumes: { keep: {} }\n`
    await host.write('still', { 'compose.yaml': steady })
    expect((await host.compose('still', ['up', '-d'])).code).toBe(0)
    const before = await host.containers('still')
    const changes = await host.changesDuring(async () => {
      const again = await host.compose('still', ['up', '-d'])
      expect(again.code).toBe(0)
      expect(again.stderr).toBe(
        ' Container still-a-1  Running\n Container still-a-2  Running\n Container still-b-1  Running\n',
      )
    })
    expect(changes).toEqual([])
    expect((await host.containers('still')).map((entry) => entry.id)).toEqual(before.map((entry) => entry.id))
    expect((await host.compose('still', ['up', '-d', '--plan'])).stdout).toBe(
      'nothing to do: 3 containers are as wanted\n',
    )
    await host.compose('still', ['down', '-v', '-t', '1'])
  })

  it('replaces only what changed and keeps named and anonymous volumes', async () => {
    await host.write('some', { 'compose.yaml': file('1') })
    expect((await host.compose('some', ['up', '-d'])).code).toBe(0)
    const before = new Map((await host.containers('some')).map((entry) => [entry.name, entry]))
    await host.write('some', { 'compose.yaml': file('2') })
    expect((await host.compose('some', ['up', '-d'])).code).toBe(0)
    const after = new Map((await host.containers('some')).map((entry) => [entry.name, entry]))
    expect(after.get('some-db-1')?.id).toBe(before.get('some-db-1')?.id)
    expect(after.get('some-web-1')?.id).not.toBe(before.get('some-web-1')?.id)
    expect(after.get('some-web-1')?.labels['com.docker.compose.replace']).toBe('web-1')

    expect((await host.compose('some', ['up', '-d', '--force-recreate', '-t', '1'])).code).toBe(0)
    const forced = new Map((await host.containers('some')).map((entry) => [entry.name, entry]))
    expect(forced.get('some-db-1')?.id).not.toBe(before.get('some-db-1')?.id)
    expect(forced.get('some-db-1')?.volumes).toEqual(before.get('some-db-1')?.volumes)
    expect((await host.compose('some', ['up', '-d', '-V', '-t', '1'])).code).toBe(0)
    const renewed = (await host.containers('some')).find((entry) => entry.name === 'some-db-1')
    expect(renewed?.volumes).toContain('some_data')
    expect(renewed?.volumes).not.toEqual(before.get('some-db-1')?.volumes)
    await host.compose('some', ['down', '-v', '-t', '1'])
  })

  it('scales up and down, removes orphans only when asked', async () => {
    await host.write('scale', {
      'compose.yaml': `services:\n  a: { image: ${sampleImage} }\n  old: { image: ${sampleImage} }\n`,
    })
    expect((await host.compose('scale', ['up', '-d', '--scale', 'a=3'])).code).toBe(0)
    const names = async (): Promise<readonly string[]> => (await host.containers('scale')).map((entry) => entry.name)
    expect(await names()).toEqual(['scale-a-1', 'scale-a-2', 'scale-a-3', 'scale-old-1'])
    await host.write('scale', { 'compose.yaml': `services:\n  a: { image: ${sampleImage} }\n` })
    const warned = await host.compose('scale', ['up', '-d', '-t', '1'])
    expect(warned.stderr).toContain('Found orphan containers ([scale-old-1]) for this project.')
    expect(await names()).toEqual(['scale-a-1', 'scale-old-1'])
    await host.compose('scale', ['up', '-d', '-t', '1', '--remove-orphans'])
    expect(await names()).toEqual(['scale-a-1'])
    await host.compose('scale', ['down', '-t', '1'])
  })

  it('fails when a dependency fails, and says which', async () => {
    const sick = `services:\n  web: { image: ${sampleImage}, depends_on: { db: { condition: service_healthy } } }\n  db: { image: ${sampleImage}, command: ["sh", "-c", "exit 7"], healthcheck: { test: ["CMD", "true"], interval: 1s } }\n`
    await host.write('sick', { 'compose.yaml': sick })
    const up = await host.compose('sick', ['up', '-d'])
    expect(up.code).toBe(1)
    expect(up.stderr).toContain('dependency failed to start: container sick-db-1 exited (7)')
    expect((await host.containers('sick')).find((entry) => entry.name === 'sick-web-1')?.state).toBe('created')
    await host.compose('sick', ['down', '-t', '1'])
  })

  it('waits until services are healthy, and no longer than asked', async () => {
    const slow = (test: string): string =>
      `services:\n  web: { image: ${sampleImage}, healthcheck: { test: ["CMD", "${test}"], interval: 1s, retries: 100 } }\n`
    await host.write('wait', { 'compose.yaml': slow('true') })
    expect((await host.compose('wait', ['up', '--wait'])).code).toBe(0)
    expect((await host.containers('wait'))[0]?.status).toContain('(healthy)')
    await host.write('wait', { 'compose.yaml': slow('false') })
    const late = await host.compose('wait', ['up', '--wait', '--wait-timeout', '2', '-t', '1'])
    expect(late.code).toBe(1)
    expect(late.stderr).toContain('application not healthy after 2s')
    const dependent = `${slow('false')}  late: { image: ${sampleImage}, depends_on: { web: { condition: service_healthy } } }\n`
    await host.write('wait', { 'compose.yaml': dependent })
    for (const way of ['--wait', '-d']) {
      const waiting = await host.compose('wait', ['up', way, '--wait-timeout', '2', '-t', '1'])
      expect(waiting.code).toBe(1)
      expect(waiting.stderr).toContain('dependency failed to start: container wait-web-1 is not healthy after 2s')
    }
    await host.compose('wait', ['down', '-t', '1'])
  })

  it('works from labels alone with -p, from any folder', async () => {
    await host.write('labels', { 'compose.yaml': file('1') })
    expect((await host.compose('labels', ['up', '-d'])).code).toBe(0)
    await host.write('elsewhere', {})
    const services = await host.compose('elsewhere', ['-p', 'labels', 'ps', '-a', '--services'])
    expect(services.stdout).toBe('db\ninit\nweb\n')
    const stopped = await host.compose('elsewhere', ['-p', 'labels', 'stop', '-t', '1', 'web'])
    expect(stopped.code, stopped.stderr).toBe(0)
    expect((await host.containers('labels')).find((entry) => entry.name === 'labels-web-1')?.state).toBe('exited')
    const logs = await host.compose('elsewhere', ['-p', 'labels', 'logs', '--no-color', 'init'])
    expect(logs.stdout).toBe('init-1  | prepared\n')
    expect((await host.compose('elsewhere', ['-p', 'labels', 'down', '-v', '-t', '1'])).code).toBe(0)
    expect([await host.containers('labels'), await host.resources('labels')]).toEqual([[], []])
  })

  it('shares namespaces: the guest is replaced with its host', async () => {
    const shared = (value: string): string =>
      `services:\n  vpn: { image: ${sampleImage}, environment: { V: "${value}" } }\n  app: { image: ${sampleImage}, command: ["sleep", "1000"], init: true, network_mode: "service:vpn" }\n`
    await host.write('share', { 'compose.yaml': shared('1') })
    const first = await host.compose('share', ['up', '-d'])
    expect(first.code, first.stderr).toBe(0)
    const ids = async (): Promise<readonly string[]> => (await host.containers('share')).map((entry) => entry.id)
    const before = await ids()
    expect((await host.compose('share', ['up', '-d'])).code).toBe(0)
    expect(await ids()).toEqual(before)
    await host.write('share', { 'compose.yaml': shared('2') })
    const second = await host.compose('share', ['up', '-d', '-t', '1'])
    expect(second.code, second.stderr).toBe(0)
    const after = await host.containers('share')
    expect(after.map((entry) => entry.state)).toEqual(['running', 'running'])
    expect(after.filter((entry) => before.includes(entry.id))).toEqual([])
    await host.compose('share', ['down', '-t', '1'])
  })

  it('comes up again after its networks were pruned while it was stopped, with its anonymous volumes', async () => {
    const docker = async (...args: readonly string[]): Promise<string> => (await running!.hosts[0]!.docker(args)).stdout
    await host.write('pruned', {
      'compose.yaml': `services: { web: { image: ${sampleImage}, volumes: [/scratch], networks: [a, b] } }\nnetworks: { a: , b: }\n`,
    })
    const compose = async (...args: readonly string[]): Promise<void> => {
      const result = await host.compose('pruned', args)
      expect(result.code, `${args.join(' ')}: ${result.stderr}`).toBe(0)
    }
    const volume = (): Promise<string> => docker('inspect', '-f', '{{range .Mounts}}{{.Name}}{{end}}', 'pruned-web-1')
    await compose('create')
    const [made] = await host.containers('pruned')
    await docker('network', 'prune', '-f')
    await compose('up', '-d')
    expect(await host.containers('pruned')).toMatchObject([{ id: made?.id, state: 'running' }])
    const scratch = await volume()
    for (const remove of [
      ['prune', '-f'],
      ['rm', 'pruned_b'],
    ]) {
      await compose('stop', '-t', '0')
      await docker('network', ...remove)
      await compose('up', '-d')
      expect(await host.containers('pruned')).toMatchObject([{ name: 'pruned-web-1', state: 'running' }])
      expect(await volume()).toBe(scratch)
      expect(await docker('inspect', '-f', '{{len .NetworkSettings.Networks}}', 'pruned-web-1')).toBe('2\n')
    }
    await compose('down', '-v', '-t', '0')
  })

  it('makes a network anew for one service, and lets everything else on it run again, under its names', async () => {
    const write = (label: string): Promise<void> =>
      host.write('anew', {
        'compose.yaml': `services: { web: { image: ${sampleImage} }, db: { image: ${sampleImage} } }\nnetworks: { default: { labels: { a: ${label} } } }\n`,
      })
    await write('1')
    await host.compose('anew', ['up', '-d'])
    const before = await host.containers('anew')
    await write('2')
    const up = await host.compose('anew', ['up', '-d', 'db'])
    expect(up.code, up.stderr).toBe(0)
    const after = await host.containers('anew')
    expect(after.map(({ id, state }) => [id, state])).toEqual(before.map(({ id }) => [id, 'running']))
    const page = await running!.hosts[0]!.docker(['exec', 'anew-db-1', 'wget', '-qO-', 'http://web'])
    expect(page, page.stderr).toMatchObject({ code: 0 })
    expect(await host.changesDuring(() => host.compose('anew', ['up', '-d']))).toEqual([])

    await host.compose('anew', ['run', '-d', 'db', '/bin/idle'])
    await write('3')
    const refused = await host.compose('anew', ['up', '-d'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/network anew_default has changed, and anew-db-run-\w+ is running on it/)
    expect((await host.containers('anew')).map(({ state }) => state)).toEqual(['running', 'running', 'running'])
    await host.compose('anew', ['down', '-t', '1'])
  })

  it('does not take a container for unhealthy because it was paused', async () => {
    const check = '{ test: [CMD, "true"], interval: 1s, retries: 2 }'
    await host.write('held', {
      'compose.yaml': `services:\n  web: { image: ${sampleImage}, depends_on: { db: { condition: service_healthy } } }\n  db: { image: ${sampleImage}, healthcheck: ${check} }\n`,
    })
    await host.compose('held', ['up', '-d', '--wait', 'db'])
    await host.compose('held', ['pause'])
    const up = await host.compose('held', ['up', '-d'])
    expect(up.code, up.stderr).toBe(0)
    expect((await host.containers('held')).map(({ state }) => state)).toEqual(['running', 'running'])
    await host.compose('held', ['down', '-t', '1'])
  })

  it('names an image that is neither here nor in a registry', async () => {
    await host.write('none', {
      'compose.yaml': 'services:\n  web: { image: "127.0.0.1:1/not/there:1", pull_policy: never }\n',
    })
    const up = await host.compose('none', ['up', '-d'])
    expect(up.code).toBe(1)
    expect(up.stderr).toContain('No such image: 127.0.0.1:1/not/there:1')
    await host.write('none', { 'compose.yaml': 'services:\n  web: { image: "127.0.0.1:1/not/there:1" }\n' })
    const pulled = await host.compose('none', ['up', '-d'])
    expect(pulled.code).toBe(1)
    expect(pulled.stderr).toContain('127.0.0.1:1')
    expect(await host.containers('none')).toEqual([])
  })
})
