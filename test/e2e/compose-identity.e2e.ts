import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/io/clock.ts'
import { execProgram } from '../../src/io/exec.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { findPythonClients } from './clients.ts'
import { ComposeHost, findReferenceCompose, isRoot, openComposeHost, sampleImage } from './compose-host.ts'

/** Projects of docker-compose 1.29 and 2.40 in our hands, and what stands outside a Compose file. */

const classic = (level: string): string => `version: "3.8"
services:
  web:
    image: ${sampleImage}
    command: sleep 100000
    init: true
    environment: { LEVEL: ${level}, COUNT: 2, "FROM": "\${FROM_ENV-default}" }
    env_file: web.env
    ports: ["127.0.0.1::80", "9000-9001/udp"]
    depends_on: [db]
    links: ["db:base"]
    volumes: ["data:/data", "./conf:/conf:ro", /anonymous]
    labels: { role: front, n: 3 }
    restart: on-failure:2
    healthcheck: { test: ["CMD", "true"], interval: 1m30s, retries: 3 }
    networks: { default: , back: { aliases: [www] } }
    ulimits: { nofile: { soft: 512, hard: 1024 } }
    tmpfs: /scratch
    extra_hosts: ["far:10.1.2.3"]
    stop_grace_period: 1s
  db: { image: ${sampleImage}, networks: [back], mem_limit: 64m }
  job: { image: ${sampleImage}, command: ["sleep", "100000"], init: true, network_mode: none }
networks: { back: }
volumes: { data: }
`

describe.runIf(isRoot)('identity of projects (needs root on Linux)', () => {
  let running: Lab | undefined
  let host: ComposeHost

  beforeAll(async () => {
    running = await lab({ engines: ['20.10'], image: true, namePrefix: 'idt' })
    host = await openComposeHost(running.hosts[0]!)
    await host.write('old', { 'docker-compose.yml': classic('one'), 'web.env': 'EXTRA=x y\n' })
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  async function theirs(args: readonly string[], project = 'old'): Promise<void> {
    const { python, compose, env } = await findPythonClients()
    const options = {
      clock: systemClock,
      cwd: join(host.folder, project),
      env: { PATH: process.env['PATH'] ?? '', HOME: host.folder, ...env, ...host.env },
    }
    const result = await execProgram([python, ...compose, ...args], options)
    expect(result.code, result.stderr).toBe(0)
  }

  async function ours(project: string, ...args: readonly string[]): Promise<string> {
    const result = await host.compose(project, args)
    expect(result.code, result.stderr).toBe(0)
    return `${result.stdout}${result.stderr}`
  }

  const seen = async (project: string): Promise<readonly string[]> =>
    (await host.containers(project)).map(({ name, id }) => `${name} ${id}`)

  it('a project of docker-compose 1.29 keeps its containers, names and all, until something changes', async () => {
    await theirs(['up', '-d', '--scale', 'job=2'])
    const before = await seen('old')
    expect(before.map((line) => line.split(' ')[0])).toEqual(['old_db_1', 'old_job_1', 'old_job_2', 'old_web_1'])
    expect(await host.changesDuring(() => ours('old', 'up', '-d', '--scale', 'job=2'))).toEqual([])
    expect(await seen('old')).toEqual(before)
    expect(await ours('old', 'up', '--plan', '--scale', 'job=2', '--replace-classic')).toMatch(
      /^(?!nothing to do)[^]*web/,
    )
    await host.write('old', { 'docker-compose.yml': classic('two') })
    await ours('old', 'up', '-d', '--scale', 'job=2')
    const after = await seen('old')
    expect(after.map((line) => line.split(' ')[0])).toEqual(['old-web-1', 'old_db_1', 'old_job_1', 'old_job_2'])
    expect(after.slice(1)).toEqual(before.slice(0, 3))
    await ours('old', 'down', '-v', '-t', '1')
    expect([await host.containers('old'), await host.resources('old')]).toEqual([[], []])
  })

  it('what docker-compose 1.29 built is kept, and its image used, until something is built', async () => {
    const file = (level: string): string => `version: "3.8"
services:
  web: { build: { context: ., args: { A: 1 } }, command: sleep 100000, init: true, environment: { LEVEL: ${level} } }
`
    await host.write('made', {
      Dockerfile: `FROM ${sampleImage}\nARG A\nCOPY note /note\n`,
      note: 'one',
      'docker-compose.yml': file('one'),
      'docker-compose.override.yml': 'version: "3.8"\nservices: { web: { labels: [a=b], expose: [80] } }\n',
    })
    const images = async (): Promise<readonly string[]> =>
      (await running!.hosts[0]!.docker(['images', '--format', '{{.Repository}}'])).stdout
        .split('\n')
        .filter((name) => name.startsWith('made'))
        .sort()
    const runs = async (): Promise<readonly string[]> =>
      (
        await running!.hosts[0]!.docker([
          'ps',
          '--filter',
          'label=com.docker.compose.project=made',
          '--format',
          '{{.Names}} {{.Image}}',
        ])
      ).stdout
        .trim()
        .split('\n')
        .sort()
    await theirs(['up', '-d'], 'made')
    const before = await seen('made')
    expect(await host.changesDuring(() => ours('made', 'up', '-d'))).toEqual([])
    await ours('made', 'up', '-d', '--scale', 'web=2')
    expect((await seen('made')).slice(1)).toEqual(before)
    expect(await runs()).toEqual(['made-web-2 made_web', 'made_web_1 made_web'])
    await host.write('made', { 'docker-compose.yml': file('two') })
    await ours('made', 'up', '-d')
    expect([await runs(), await images()]).toEqual([['made-web-1 made_web'], ['made_web']])
    await host.write('made', { note: 'two' })
    await ours('made', 'up', '-d', '--build')
    expect([await runs(), await images()]).toEqual([['made-web-1 made-web'], ['made-web', 'made_web']])
    await ours('made', 'down', '-t', '1', '--rmi', 'local')
    expect(await images()).toEqual([])
    await theirs(['up', '-d'], 'made')
    await ours('made', 'down', '-t', '1', '--rmi', 'local')
    expect(await images()).toEqual([])
  })

  it("a file of version 1 keeps the containers of docker-compose 1.29, and its volumes are the engine's", async () => {
    const service = (more: string): string => `{ image: "${sampleImage}", command: /bin/idle, ${more} }`
    await host.write('first', {
      'docker-compose.yml': `db: ${service('volumes: ["common:/c"], log_driver: json-file')}
web: ${service('links: [db], volumes_from: [db], volumes: [/anon]')}
side: ${service('net: "container:db"')}
`,
    })
    await theirs(['up', '-d'], 'first')
    expect((await seen('first')).map((line) => line.split(' ')[0])).toEqual([
      'first_db_1',
      'first_side_1',
      'first_web_1',
    ])
    expect(await host.changesDuring(() => ours('first', 'up', '-d'))).toEqual([])
    expect(await ours('first', 'down', '-v', '-t', '1')).toContain('first_web_1  Removed')
    const { stdout } = await running!.hosts[0]!.docker(['volume', 'ls', '-q', '--filter', 'name=common'])
    expect([await host.containers('first'), stdout]).toEqual([[], 'common\n'])
  })

  it('a service that moves on to docker-compose 2.40 and back is left alone, hooks and files in it too', async () => {
    const reference = await findReferenceCompose()
    await host.write('both', {
      'compose.yaml': `services:
  web:
    image: ${sampleImage}
    command: [sleep, "100000"]
    init: true
    configs: [{ source: app, target: /app.conf, mode: 0400 }]
    post_start: [{ command: ["true"], user: "0" }]
    pre_stop: [{ command: ["true"] }]
configs: { app: { content: a=1 } }
`,
    })
    const options = {
      clock: systemClock,
      cwd: join(host.folder, 'both'),
      env: { PATH: process.env['PATH'] ?? '', HOME: host.folder, ...host.env },
    }
    await ours('both', 'up', '-d')
    const before = await seen('both')
    const result = await execProgram([reference, 'up', '-d'], options)
    expect(result.code, result.stderr).toBe(0)
    expect(await seen('both')).toEqual(before)
    const down = await execProgram([reference, 'down', '-t', '1'], options)
    expect(down.code, down.stderr).toBe(0)
    const up = await execProgram([reference, 'up', '-d'], options)
    expect(up.code, up.stderr).toBe(0)
    const made = await seen('both')
    await ours('both', 'up', '-d')
    expect(await seen('both')).toEqual(made)
    await ours('both', 'down', '-t', '1')
  })

  it('a provider is called, tells its dependents, and is called again at the end', async () => {
    const folder = join(host.folder, 'programs')
    await mkdir(folder, { recursive: true })
    const script = `#!/bin/sh
[ "$2" = metadata ] && exit 1
echo "$@" >>${folder}/calls
echo '{"type":"info","message":"at work"}'
echo '{"type":"setenv","message":"URL=db://here"}'
`
    await writeFile(join(folder, 'clouddb'), script, { mode: 0o755 })
    const env = { ...host.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` }
    const near = new ComposeHost(host.engine, env, host.folder)
    await host.write('cloud', {
      'compose.yaml': `services:
  db: { provider: { type: clouddb, options: { size: 2 } } }
  web: { image: ${sampleImage}, command: [sleep, "1000"], init: true, depends_on: [db], develop: { watch: [{ path: ./src, action: sync, target: /src }] } }
`,
    })
    const up = await near.compose('cloud', ['up', '-d'])
    expect(up.code, up.stderr).toBe(0)
    expect(up.stderr).toContain('at work')
    const engine = running!.hosts[0]!
    const seenEnv = await engine.docker(['inspect', '-f', '{{json .Config.Env}}', 'cloud-web-1'])
    expect(seenEnv.stdout).toContain('DB_URL=db://here')
    const before = await seen('cloud')
    expect((await near.compose('cloud', ['up', '-d'])).code).toBe(0)
    expect(await seen('cloud')).toEqual(before)
    // What is made or looked at without the provider is told what the container before was told.
    const first = before[0]
    for (const args of [
      ['up', '-d', '--no-deps', 'web'],
      ['scale', 'web=2'],
      ['scale', '--no-deps', 'web=3'],
    ]) {
      const result = await near.compose('cloud', args)
      expect(result.code, result.stderr).toBe(0)
      expect((await seen('cloud'))[0]).toEqual(first)
    }
    for (const name of ['cloud-web-2', 'cloud-web-3']) {
      const told = await engine.docker(['inspect', '-f', '{{json .Config.Env}}', name])
      expect(told.stdout).toContain('DB_URL=db://here')
    }
    const watching = near.start('cloud', ['watch'])
    let said = ''
    for (const stream of [watching.stdout, watching.stderr])
      stream.on('data', (chunk: Buffer) => (said += String(chunk)))
    expect(await host.eventually(async () => said.includes('Watch enabled')), said).toBe(true)
    watching.kill('SIGINT')
    expect((await seen('cloud'))[0]).toEqual(first)
    const down = await near.compose('cloud', ['down', '-t', '0'])
    expect(down.code, down.stderr).toBe(0)
    const calls = await execProgram(['cat', join(folder, 'calls')], { clock: systemClock })
    expect(calls.stdout.trim().split('\n').at(-1)).toBe('compose --project-name=cloud down --size=2 db')
    const lost = await host.compose('cloud', ['up', '-d'])
    expect([lost.code, lost.stderr]).toEqual([1, expect.stringContaining('executable file not found in $PATH')])
  })

  it('a service with use_api_socket talks to its engine', async () => {
    const engine = running!.hosts[0]!
    await host.write('sock', {
      'compose.yaml': `services: { web: { image: ${sampleImage}, command: [sleep, "1000"], init: true, use_api_socket: true } }`,
    })
    // However the engine is reached, the socket is its own.
    const far = await host.compose('sock', ['create'])
    expect(far.code, far.stderr).toBe(0)
    const afar = await seen('sock')
    // The engine has a root of its own, where its socket has its usual path.
    const socket = join(host.folder, 'engine.sock')
    await symlink(engine.socketPath, socket)
    const env = { DOCKER_HOST: `unix://${socket}` }
    const near = new ComposeHost(host.engine, env, host.folder)
    const made = await near.compose('sock', ['create'])
    expect(made.code, made.stderr).toBe(0)
    expect(await seen('sock')).toEqual(afar)
    const inspected = await engine.docker([
      'inspect',
      '-f',
      '{{json .HostConfig.Binds}}{{json .HostConfig.Mounts}}{{json .Config.Env}}',
      'sock-web-1',
    ])
    expect(inspected.stdout).toContain('/var/run/docker.sock:/var/run/docker.sock')
    expect(inspected.stdout).toContain('DOCKER_CONFIG=/run/secrets/docker')
    const copied = await engine.docker(['cp', 'sock-web-1:/run/secrets/docker/config.json', '-'])
    expect(copied.stdout).toContain('"auths"')
    const socketOnly = await seen('sock')
    const scaled = await near.compose('sock', ['--dry-run', 'scale', 'web=1'])
    expect([scaled.code, scaled.stderr]).toEqual([0, expect.not.stringContaining('Recreate')])
    expect(await seen('sock')).toEqual(socketOnly)
    expect((await near.compose('sock', ['down'])).code).toBe(0)
  })
})
