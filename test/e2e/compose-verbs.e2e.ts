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

describe.runIf(isRoot)('verbs of compose (needs root on Linux)', () => {
  let running: Lab | undefined
  let host: ComposeHost

  beforeAll(async () => {
    running = await lab({ image: true, namePrefix: 'vrb' })
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
    expect(await states()).toEqual(['verbs-db-1 running', 'verbs-web-1 exited'])
  })

  it('rm asks, and removes only what is stopped', async () => {
    const asked = await host.compose('verbs', ['rm'], 'n\n')
    expect(asked.stdout).toBe('Going to remove verbs-web-1 (y/N) ')
    expect(await states()).toHaveLength(2)
    await host.compose('verbs', ['rm'], 'y\n')
    expect(await states()).toEqual(['verbs-db-1 running'])
    expect((await host.compose('verbs', ['rm', '-f'])).stderr).toBe('No stopped containers\n')
    await run('rm', '-f', '-s', '-v')
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

  it('what this version cannot do fails by name before anything is made', async () => {
    await host.write('lacks', { 'compose.yaml': 'services:\n  web: { build: . }\n' })
    const build = await host.compose('lacks', ['up', '-d'])
    expect([build.code, build.stderr]).toEqual([
      1,
      expect.stringContaining('failed to read dockerfile of service "web": open '),
    ])
    const hooks = `services:\n  web: { image: ${sampleImage}, post_start: [{ command: ["true"] }] }\n`
    await host.write('lacks', { 'compose.yaml': hooks })
    const hooked = await host.compose('lacks', ['up', '-d'])
    expect([hooked.code, hooked.stderr]).toEqual([1, expect.stringContaining('post_start of service "web"')])
    const unknown = await host.compose('lacks', ['watch'])
    expect(unknown.code).toBe(1)
    expect(await host.containers('lacks')).toEqual([])
  })
})
