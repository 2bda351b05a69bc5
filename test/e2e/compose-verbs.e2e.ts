import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'

/** The verbs that act on containers that exist, `ps`, `logs` and their flags. */

const file = `
services:
  web: { image: ${sampleImage}, depends_on: [db], ports: ["127.0.0.1::80"] }
  db: { image: ${sampleImage}, volumes: ["/scratch"] }
  tool: { image: ${sampleImage}, profiles: [tools], command: ["sh", "-c", "echo out; echo err >&2"] }
`

const idle = `image: ${sampleImage}, command: ["/bin/idle"], stop_grace_period: 1s`

describe.runIf(isRoot)('verbs of compose (needs root on Linux)', () => {
  let running: Lab | undefined
  let host: ComposeHost

  beforeAll(async () => {
    running = await lab({ engines: ['28.5'], image: true, namePrefix: 'vrb' })
    host = await openComposeHost(running.hosts[0]!)
    await host.write('verbs', { 'compose.yaml': file })
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  async function run(...args: readonly string[]): Promise<string> {
    const result = await host.compose('verbs', args)
    expect(result.code, result.stderr).toBe(0)
    return result.stdout
  }

  async function states(): Promise<readonly string[]> {
    return (await host.containers('verbs')).map((entry) => `${entry.name} ${entry.state}`)
  }

  it('create makes, start starts, pause, unpause, stop, restart and kill do what they say', async () => {
    await run('create')
    expect(await states()).toEqual(['verbs-db-1 created', 'verbs-web-1 created'])
    await run('start')
    expect(await states()).toEqual(['verbs-db-1 running', 'verbs-web-1 running'])
    await run('pause', 'db')
    expect(await states()).toEqual(['verbs-db-1 paused', 'verbs-web-1 running'])
    await run('unpause')
    await run('stop', '-t', '1', 'web')
    expect(await states()).toEqual(['verbs-db-1 running', 'verbs-web-1 exited'])
    await run('restart', '-t', '1')
    expect(await states()).toEqual(['verbs-db-1 running', 'verbs-web-1 running'])
    await run('kill', '-s', 'KILL', 'web')
    // An engine 28.5 may list it as running for a moment more.
    await expect.poll(states).toEqual(['verbs-db-1 running', 'verbs-web-1 exited'])
  })

  it('start of one service starts what it depends on, and waits for it, as docker-compose 2.40 does', async () => {
    await host.write('chain', {
      'compose.yaml': `services:
  web: { ${idle}, depends_on: { sick: { condition: service_healthy } } }
  sick: { ${idle}, healthcheck: { test: ["CMD", "/nope"], interval: 1s, retries: 1 }, depends_on: [db] }
  db: { ${idle} }
  other: { ${idle}, depends_on: [db] }
`,
    })
    expect((await host.compose('chain', ['create'])).code).toBe(0)
    const running = async (): Promise<readonly string[]> =>
      (await host.containers('chain')).filter(({ state }) => state === 'running').map(({ name }) => name)
    for (const program of ['compose', 'reference'] as const) {
      const started = await host[program]('chain', ['start', 'other'])
      expect(started.code, started.stderr).toBe(0)
      expect(await running()).toEqual(['chain-db-1', 'chain-other-1'])
      for (const attempt of [1, 2]) {
        const failed = await host[program]('chain', ['start', 'web'])
        expect([attempt, failed.code, failed.stderr]).toEqual([
          attempt,
          1,
          expect.stringContaining('chain-sick-1 is unhealthy'),
        ])
        expect(await running()).toEqual(['chain-db-1', 'chain-other-1', 'chain-sick-1'])
      }
      expect((await host.compose('chain', ['stop'])).code).toBe(0)
    }
    await host.compose('chain', ['down'])
  })

  it('start without names starts what is there; scale replaces what has changed', async () => {
    const text = (value: string): string =>
      `services:\n  web: { ${idle}, labels: { v: "${value}" }, depends_on: [db] }\n  db: { ${idle}, labels: { v: "${value}" } }\n`
    for (const program of ['reference', 'compose'] as const) {
      await host.write('part', { 'compose.yaml': text('1') })
      expect((await host[program]('part', ['create', 'db'])).code).toBe(0)
      expect((await host[program]('part', ['start'])).code).toBe(0)
      expect((await host.containers('part')).map(({ name, state }) => `${name} ${state}`)).toEqual([
        'part-db-1 running',
      ])
      expect((await host[program]('part', ['up', '-d'])).code).toBe(0)
      await host.write('part', { 'compose.yaml': text('2') })
      expect((await host[program]('part', ['scale', 'web=2'])).code).toBe(0)
      expect((await host.containers('part')).map(({ name, labels }) => `${name} ${labels['v']}`)).toEqual([
        'part-db-1 2',
        'part-web-1 2',
        'part-web-2 2',
      ])
      await host[program]('part', ['down', '-t', '0'])
    }
  })

  it('rm asks, and removes only what is stopped', async () => {
    const asked = await host.compose('verbs', ['rm'], 'n\n')
    expect(asked.stdout).toBe('Going to remove verbs-web-1')
    expect(await states()).toHaveLength(2)
    await host.compose('verbs', ['rm'], 'y\n')
    expect(await states()).toEqual(['verbs-db-1 running'])
    expect((await host.compose('verbs', ['rm', '-f'])).stderr).toBe('No stopped containers\n')
    expect(await run('rm', '-f', '-s', '-v')).toBe('Going to remove verbs-db-1\n')
    expect(await states()).toEqual([])
    expect((await host.compose('verbs', ['start'])).stderr).toContain('has no container to start')
  })

  it('ps shows what runs in every form', async () => {
    await run('up', '-d')
    const table = await run('ps')
    expect(table).toMatch(/^NAME +IMAGE +COMMAND +SERVICE +CREATED +STATUS +PORTS\nverbs-db-1 /)
    expect(table).toMatch(/verbs-web-1 .*127\.0\.0\.1:\d+->80\/tcp\n$/)
    const rows = (await run('ps', '--format', 'json'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(rows.map((row) => Object.keys(row))).toEqual([
      expect.arrayContaining(['Command', 'CreatedAt', 'Publishers', 'Status']),
      expect.arrayContaining(['Command', 'CreatedAt', 'Publishers', 'Status']),
    ])
    expect(await run('ps', '--format', '{{.Service}} {{.State}} {{.Label "com.docker.compose.oneoff"}}')).toBe(
      'db running False\nweb running False\n',
    )
    expect((await run('ps', '-q', 'web')).trim()).toMatch(/^[0-9a-f]{64}$/)
    await run('stop', '-t', '1', 'web')
    expect(await run('ps', '--services')).toBe('db\n')
    expect(await run('ps', '-a', '--services')).toBe('db\nweb\n')
    expect(await run('ps', '--services', '--status', 'exited')).toBe('web\n')
    expect(await run('ps', '--services', '--filter', 'status=running')).toBe('db\n')
    expect((await host.compose('verbs', ['ps', '--status', 'tired'])).stderr).toContain('unknown status "tired"')
    expect((await host.compose('verbs', ['ps', 'wbe'])).stderr).toContain('no such service: wbe')
  })

  it('ls lists projects, port says where a port is published', async () => {
    await run('up', '-d')
    const address = (await run('port', 'web', '80')).trim()
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(await run('ps', 'web')).toContain(`${address}->80/tcp`)
    const missing = await host.compose('verbs', ['port', 'web', '81'])
    expect([missing.code, missing.stderr]).toEqual([
      1,
      expect.stringContaining('no port 81/tcp for container verbs-web-1: '),
    ])
    await run('stop', '-t', '1', 'web')
    expect((await host.compose('verbs', ['port', 'web', '80'])).stderr).toContain('service "web" is not running')

    const row = { Name: 'verbs', Status: 'running(1)', ConfigFiles: `${host.folder}/verbs/compose.yaml` }
    expect(JSON.parse(await run('ls', '--format', 'json'))).toEqual([row])
    expect(JSON.parse(await run('ls', '-a', '--format', 'json'))).toEqual([{ ...row, Status: 'exited(1), running(1)' }])
    expect(await run('ls', '-q', '--filter', 'name=^v')).toBe('verbs\n')
    expect(await run('ls', '-q', '--filter', 'name=^x')).toBe('')
    const wrong = await host.compose('verbs', ['ls', '--filter', 'name=('])
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('invalid expression in --filter "name=("')])
    await run('down', '-t', '1')
  })

  it('a service of a profile that is off comes when it is named, and its logs have both streams', async () => {
    await run('up', '-d', 'tool')
    expect(await host.eventually(async () => (await states()).includes('verbs-tool-1 exited'))).toBe(true)
    const logs = await run('logs', '--no-log-prefix', 'tool')
    expect(logs.split('\n').sort()).toEqual(['', 'err', 'out'])
    expect(await run('logs', '-t', '-n', '1', '--no-color', 'tool')).toMatch(
      /^tool-1 +\| \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z (?:out|err)\n$/,
    )
    // Without its profile the service is no orphan, and down leaves it as the reference program does.
    expect((await host.compose('verbs', ['up', '-d'])).stderr).not.toContain('orphan')
    await run('--profile', '*', 'down', '-t', '1')
    expect(await states()).toEqual([])
  })

  it('what cannot be done fails by name before anything is made', async () => {
    await host.write('lacks', { 'compose.yaml': 'services:\n  web: { build: . }\n' })
    const build = await host.compose('lacks', ['up', '-d'])
    expect([build.code, build.stderr]).toEqual([
      1,
      expect.stringContaining('failed to read dockerfile of service "web": open '),
    ])
    const unknown = await host.compose('lacks', ['watch'])
    expect(unknown.code).toBe(1)
    expect(await host.containers('lacks')).toEqual([])
  })

  describe('while another command changes the project', () => {
    const slow = `
services:
  web: { image: ${sampleImage}, depends_on: { db: { condition: service_healthy } }, stop_grace_period: 1s }
  db:
    image: ${sampleImage}
    stop_grace_period: 1s
    healthcheck: { test: ["CMD", "test", "-e", "/ready"], interval: 200ms, retries: 1000 }
  other: { image: ${sampleImage}, stop_grace_period: 1s }
`

    const named = async (): Promise<readonly string[]> =>
      (await host.containers('busy')).map((entry) => `${entry.name} ${entry.state}`)

    it('every command that makes, replaces or removes containers waits, and says for whom; kill does not', async () => {
      await host.write('busy', { 'compose.yaml': slow })
      const up = host.start('busy', ['up', '-d'])
      const ended = new Promise<number | null>((resolve) => up.once('close', resolve))
      up.stderr.resume()
      expect(
        await host.eventually(async () => (await named()).filter((line) => line.endsWith(' running')).length === 2),
      ).toBe(true)
      const before = await named()
      const verbs = [
        ['stop', 'db'],
        ['start', 'web'],
        ['restart', 'other'],
        ['rm', '-f', 'web'],
        ['pause', 'other'],
        ['scale', 'other=2'],
        ['run', '--no-deps', 'other', 'true'],
        ['create', '--force-recreate'],
        ['down'],
      ]
      const results = await Promise.all(
        verbs.map(([verb = '', ...args]) => host.compose('busy', [verb, '--lock-timeout', '0', ...args])),
      )
      for (const [index, { code, stderr }] of results.entries()) {
        expect(stderr, verbs[index]?.join(' ')).toMatch(/^project "busy" is in use by .*, docker-compose up since /m)
        expect(code).toBe(1)
      }
      expect(await named()).toEqual(before)
      // What changes nothing waits for nothing.
      expect((await host.compose('busy', ['ps', '-q'])).code).toBe(0)
      expect((await host.compose('busy', ['unpause', '--lock-timeout', '0'])).code).toBe(0)
      const kill = await host.compose('busy', ['kill', 'other'])
      expect(kill.code, kill.stderr).toBe(0)
      expect((await host.compose('busy', ['start', '--no-lock', 'other'])).code).toBe(0)
      expect((await host.compose('busy', ['exec', '-T', 'db', 'touch', '/ready'])).code).toBe(0)
      expect(await ended).toBe(0)
      expect(await named()).toEqual(['busy-db-1 running', 'busy-other-1 running', 'busy-web-1 running'])
    })

    it('commands given all at once are done one after the other, and nothing is left behind', async () => {
      const commands = [
        ['up', '-d', '--force-recreate', '-t', '1', 'other'],
        ['restart', '-t', '1', 'other'],
        ['stop', '-t', '1', 'other'],
        ['start', 'other'],
        ['rm', '-f', 'other'],
        ['scale', '--no-deps', 'other=2'],
        ['up', '-d', '-t', '1', 'other'],
      ]
      const results = await Promise.all(commands.map((args) => host.compose('busy', args)))
      // In some orders there is nothing to start: that is said, and is no race.
      const failed = results.filter(({ code, stderr }) => code !== 0 && !stderr.includes('has no container to start'))
      expect(failed.map(({ stderr }) => stderr)).toEqual([])
      const others = (await named()).filter((line) => line.startsWith('busy-other'))
      expect(
        others.every((line) => /^busy-other-\d+ (?:running|exited|created)$/.test(line)),
        others.join(),
      ).toBe(true)
      const up = await host.compose('busy', ['up', '-d', '-t', '1', '--scale', 'other=1', 'other'])
      expect(up.code, up.stderr).toBe(0)
      expect((await named()).filter((line) => line.startsWith('busy-other'))).toHaveLength(1)
      const locks = await running!.hosts[0]!.docker(['volume', 'ls', '-q', '--filter', 'label=flotilla.lock.project'])
      expect(locks.stdout).toBe('')
      await host.compose('busy', ['down', '-t', '1'])
    })
  })
})
