import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { execProgram } from '../../src/io/exec.ts'
import { systemClock } from '../../src/io/clock.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { ComposeHost, findReferenceCompose, isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { Seen } from './compose-host.ts'

/** `plan` on a real engine: what it says, that it is true, and that it asks the engine for nothing but answers. */

interface PlanDocument {
  readonly version: number
  readonly hasChanges: boolean
  readonly summary: Readonly<Record<string, number>>
  readonly containers: readonly {
    readonly name: string
    readonly action: string
    readonly reason: string
    readonly fields: readonly { field: string; from: string | null; to: string | null; isFromKnown: boolean }[]
  }[]
  readonly resources: readonly { readonly kind: string; readonly name: string; readonly action: string }[]
  readonly services: readonly { readonly name: string; readonly hasGap: boolean }[]
}

const file = (level: string, extra = ''): string => `
services:
  web:
    image: ${sampleImage}
    scale: 2
    ports: ["80"]
    environment: { LEVEL: "${level}", API_TOKEN: "very-secret-${level}" }
    labels: { tier: "${level}" }
    ${extra}
  db: { image: ${sampleImage}, volumes: ["data:/data"] }
volumes: { data: {} }
`

/** A project of which each row changes something else. */
const many = ({ level = '1', data = '1', front = '1', secret = 'a', scale = 2, rest = '' }): string => `
services:
  db: { image: ${sampleImage}, volumes: ["data:/data", "/cache"], networks: [front] }
  web:
    image: ${sampleImage}
    scale: ${scale}
    depends_on: [db]
    networks: [front]
    environment: { LEVEL: "${level}" }
    configs: [told]
    deploy: { update_config: { order: start-first, monitor: 100ms } }
${rest}
networks: { front: { labels: { v: "${front}" } } }
volumes: { data: { labels: { v: "${data}" } } }
configs: { told: { content: "${secret}" } }
`
const old = `  old: { image: ${sampleImage}, networks: [front] }`

const changes: readonly (readonly [string, string, readonly string[]])[] = [
  ['a first time', many({ rest: old }), []],
  ['nothing', many({ rest: old }), []],
  ['a setting of one service', many({ rest: old, level: '2' }), []],
  ['an orphan that stays', many({ level: '2' }), []],
  ['an orphan that goes, and fewer containers', many({ level: '2', scale: 1 }), ['--remove-orphans']],
  ['--scale and --lowest-numbers', many({ level: '2', scale: 1 }), ['--scale', 'web=3', '--lowest-numbers']],
  ['another content of a config', many({ level: '2', scale: 3, secret: 'b' }), []],
  ['a named service alone', many({ level: '3', scale: 3, secret: 'b' }), ['--no-deps', 'db']],
  ['--force-recreate of a named service', many({ level: '3', scale: 3, secret: 'b' }), ['--force-recreate', 'db']],
  ['-V', many({ level: '3', secret: 'b' }), ['-V']],
  ['another definition of a network', many({ level: '3', secret: 'b', front: '2' }), []],
  ['another definition of a volume, which stays', many({ level: '3', secret: 'b', front: '2', data: '2' }), []],
  ['another definition of a volume, made anew', many({ level: '3', secret: 'b', front: '2', data: '2' }), ['-y']],
  ['--no-start of a new service', many({ level: '3', secret: 'b', front: '2', data: '2', rest: old }), ['--no-start']],
  ['a start of it', many({ level: '3', secret: 'b', front: '2', data: '2', rest: old }), []],
]

/** Not the status: that says how long a container has been up. */
const identityOf = ({ id, name, state }: Seen): Pick<Seen, 'id' | 'name' | 'state'> => ({ id, name, state })

/** `action name` of each container that is another than before, or was started although it ran already. */
function changesBetween(before: readonly Seen[], after: readonly Seen[], events: readonly string[]): readonly string[] {
  const old = new Map(before.map((entry) => [entry.name, entry]))
  const now = new Map(after.map((entry) => [entry.name, entry]))
  return [...new Set([...old.keys(), ...now.keys()])]
    .flatMap((name) => {
      const [was, is] = [old.get(name), now.get(name)]
      if (was === undefined) return [`create ${name}`]
      if (is === undefined) return [`remove ${name}`]
      if (was.id !== is.id) return [`replace ${name}`]
      if (was.state !== is.state) return [`${is.state === 'running' ? 'start' : 'stop'} ${name}`]
      return events.includes(`container start ${name}`) ? [`restart ${name}`] : []
    })
    .sort()
}

/** What progress lines say is done to what; that something was so already, or is waited for, is no step. */
function stepsShown(stderr: string): readonly string[] {
  return [...stderr.matchAll(/(?:Container|Network|Volume) \S+ +\S+$/gm)]
    .map(([line]) => line.replaceAll(/ +/g, ' '))
    .filter((line) => !/ (?:Running|Waiting|Healthy)$/.test(line))
    .sort()
}

describe.runIf(isRoot)('plans (needs root on Linux)', () => {
  let running: Lab
  let host: ComposeHost
  let server: Server
  let watched: ComposeHost
  const calls: string[] = []

  beforeAll(async () => {
    running = await lab({ engines: ['28.5'], image: true, namePrefix: 'pla' })
    host = await openComposeHost(running.hosts[0]!)
    // Everything the program says to the engine passes here.
    const path = join(host.folder, 'watched.sock')
    server = createServer((client) => {
      const engine = connect(running.hosts[0]!.socketPath)
      client.on('data', (chunk) => {
        calls.push(...(chunk.toString('latin1').match(/^(?:GET|HEAD|POST|PUT|DELETE|PATCH) \S+/gm) ?? []))
        engine.write(chunk)
      })
      engine.pipe(client)
      client.on('error', () => engine.destroy())
      engine.on('error', () => client.destroy())
      client.on('close', () => engine.end())
    })
    server.listen(path)
    await once(server, 'listening')
    watched = new ComposeHost(host.engine, { DOCKER_HOST: `unix://${path}` }, host.folder)
  })

  afterAll(async () => {
    server?.close()
    await host?.close()
    await running?.down()
  })

  async function plan(project: string, ...args: readonly string[]): Promise<PlanDocument> {
    const result = await watched.compose(project, ['plan', '--format', 'json', ...args])
    expect(result.code, result.stderr).toBe(0)
    return JSON.parse(result.stdout) as PlanDocument
  }

  it('names what is made, in words, as JSON and as exit code', async () => {
    await host.write('p', { 'compose.yaml': file('info') })
    const text = await watched.compose('p', ['plan', '--detailed-exitcode'])
    expect([text.code, text.stdout]).toEqual([2, expect.stringContaining('containers: 3 to create, 0 unchanged')])
    const document = await plan('p')
    expect(document.summary).toMatchObject({ create: 3, replace: 0, remove: 0 })
    expect(document.resources.map(({ kind, name, action }) => `${action} ${kind} ${name}`).sort()).toEqual([
      'create network p_default',
      'create volume p_data',
    ])
    expect((await host.compose('p', ['up', '-d'])).code).toBe(0)
    const after = await watched.compose('p', ['plan', '--detailed-exitcode'])
    expect([after.code, after.stdout]).toEqual([0, 'nothing to do: 3 containers are as wanted\n'])
  })

  it('names each setting that changed, with its old and new value, and hides secrets', async () => {
    await host.write('p', { 'compose.yaml': file('debug', 'user: "1000"') })
    const document = await plan('p')
    const web = document.containers.find(({ name }) => name === 'p-web-1')
    expect(web).toMatchObject({ action: 'replace', reason: 'configuration changed' })
    const shown = Object.fromEntries(web!.fields.map(({ field, from, to }) => [field, [from, to]]))
    expect(shown).toEqual({
      'environment.API_TOKEN': ['"***"', '"***"'],
      'environment.LEVEL': ['"info"', '"debug"'],
      'labels.tier': ['"info"', '"debug"'],
      user: [null, '"1000"'],
    })
    expect(document.services).toMatchObject([{ name: 'web', hasGap: true }])
    const text = await watched.compose('p', ['up', '--plan'])
    expect(text.stdout).toContain('    environment.LEVEL: "info" → "debug"\n')
    expect(text.stdout + text.stderr).not.toContain('very-secret')
    expect(text.stdout).toContain('containers: 2 to replace, 1 unchanged')
  })

  it('finds what the engine shows of containers that another program made', async () => {
    await host.write('q', { 'compose.yaml': file('info') })
    const program = await findReferenceCompose()
    const cwd = join(host.folder, 'q')
    const env = { PATH: process.env['PATH'] ?? '', HOME: host.folder, ...host.env }
    const made = await execProgram([program, 'up', '-d'], { clock: systemClock, cwd, env })
    expect(made.code, made.stderr).toBe(0)
    expect((await plan('q')).hasChanges).toBe(false)
    await host.write('q', { 'compose.yaml': file('debug') })
    const web = (await plan('q')).containers.find(({ name }) => name === 'q-web-1')
    expect(web?.fields.map(({ field, from, to }) => `${field} ${from ?? '-'} ${to ?? '-'}`)).toEqual([
      'environment.API_TOKEN "***" "***"',
      'environment.LEVEL "info" "debug"',
      'labels.tier "info" "debug"',
    ])
    // A setting of compose's own that no engine knows.
    await host.write('q', { 'compose.yaml': file('info', 'attach: false') })
    const text = await watched.compose('q', ['plan'])
    expect(text.stdout).toContain('only the hash of the settings differs')
    expect((await host.compose('q', ['down', '-v', '-t', '1'])).code).toBe(0)
  })

  it('down and create have plans too', async () => {
    const down = await watched.compose('p', ['down', '-v', '--plan', '--plan-format', 'json', '--detailed-exitcode'])
    expect(down.code, down.stderr).toBe(2)
    const document = JSON.parse(down.stdout) as PlanDocument
    expect(document.summary).toMatchObject({ remove: 3 })
    expect(document.resources.map(({ name, action }) => `${action} ${name}`).sort()).toEqual([
      'remove p_data',
      'remove p_default',
    ])
    const create = await watched.compose('p', ['create', '--plan', '--force-recreate'])
    expect([create.code, create.stdout]).toEqual([0, expect.stringContaining('3 to replace')])
    const dry = await watched.compose('p', ['up', '-d', '--dry-run'])
    expect([dry.code, dry.stderr]).toEqual([0, expect.stringContaining('DRY-RUN MODE')])
    const wrong = await watched.compose('p', ['plan', '--format', 'xml'])
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('invalid plan format "xml"')])
  })

  it.each(changes)('says what up then does: %s', async (_, text, flags) => {
    await host.write('r', { 'compose.yaml': text })
    const before = await host.containers('r')
    const resources = await host.resources('r')
    const told = await watched.compose('r', ['up', '--plan', '--plan-format', 'json', ...flags])
    expect(told.code, told.stderr).toBe(0)
    const dry = await watched.compose('r', ['--dry-run', 'up', '-d', ...flags])
    expect(dry.code, dry.stderr).toBe(0)
    expect([await host.containers('r'), await host.resources('r')]).toMatchObject([before.map(identityOf), resources])

    let stderr = ''
    const events = await host.changesDuring(async () => {
      const up = await host.compose('r', ['up', '-d', '-t', '1', ...flags])
      expect(up.code, up.stderr).toBe(0)
      stderr = up.stderr
    })
    const document = JSON.parse(told.stdout) as PlanDocument
    const named = document.containers.map(({ name, action }) => `${action} ${name}`)
    expect(named.sort()).toEqual(changesBetween(before, await host.containers('r'), events))
    const made = (await host.resources('r')).filter((name) => !resources.includes(name))
    expect(document.resources.flatMap(({ name, action }) => (action === 'create' ? [name] : [])).sort()).toEqual(made)
    // The steps of a dry run are those of the real one, whatever the order of what runs side by side.
    expect(stepsShown(dry.stderr)).toEqual(stepsShown(stderr))
  })

  it('has made no call that could change anything', () => {
    expect(calls.length).toBeGreaterThan(20)
    expect(calls.filter((call) => !/^(?:GET|HEAD) /.test(call))).toEqual([])
  })
})
