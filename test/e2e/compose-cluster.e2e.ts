import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEngine } from '../../src/engine/client.ts'
import { systemClock } from '../../src/io/clock.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { ComposeHost, isRoot, sampleImage } from './compose-host.ts'
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
    const socket = join(folder, 'swarm.sock')
    const certificates = running.certificates.directory
    const node = programForms.find((form) => form.name === 'node')!
    manager = node.start('swarm', [
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
    manager.stdout.resume()
    let log = ''
    manager.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
    const engine = openEngine({ kind: 'unix', path: socket }, { clock: systemClock, userAgent: 'flotilla-test' })
    host = new ComposeHost(engine, { DOCKER_HOST: `unix://${socket}` }, folder)
    const isReady = await host.eventually(async () => (log.match(/Registered Engine/g) ?? []).length === 3, 30_000)
    expect(isReady, log).toBe(true)
  })

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
})
