import { spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/io/clock.ts'
import { makeSampleImage, sampleImageName } from '../../src/machine/sample-image.ts'
import { ensurePrograms, executableForm } from './programs.ts'
import type { RunResult } from './programs.ts'

/** Swarms that `create` brings up on real engines, classic and native, without a registry. */

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const subnet = '10.214.60'
const limitMs = 240_000

describe.runIf(isRoot)('swarms made by create (needs root on Linux)', () => {
  const form = executableForm
  let folder: string
  let discovery: string
  let service: ChildProcess | undefined
  const machines: string[] = []

  beforeAll(() => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-swarm-'))
  })
  afterAll(async () => {
    service?.kill()
    if (machines.length > 0) await machine('rm', '-f', ...machines)
    rmSync(folder, { recursive: true, force: true })
  }, limitMs)

  function environment(): Record<string, string> {
    return {
      MACHINE_STORAGE_PATH: join(folder, 'store'),
      FLOTILLA_LOCAL_DIR: join(folder, 'local'),
      FLOTILLA_LOCAL_SUBNET: `${subnet}.0/24`,
    }
  }

  function machine(...args: string[]): Promise<RunResult> {
    return form.run('docker-machine', args, { env: environment(), timeoutMs: limitMs })
  }

  async function create(name: string, ...more: string[]): Promise<RunResult> {
    machines.push(name)
    const result = await machine('create', '-d', 'local', ...more, name)
    expect(result.stderr).toBe('')
    expect(result.code).toBe(0)
    return result
  }

  /** A shell line with the variables that `env` prints. */
  async function inEnv(args: readonly string[], line: string, input?: Buffer): Promise<string> {
    const { stdout: script, stderr } = await machine('env', ...args)
    expect(stderr).toBe('')
    const env = { PATH: process.env['PATH'], HOME: folder }
    const result = spawnSync('sh', ['-c', `${script}\n${line}`], {
      encoding: 'utf8',
      env,
      cwd: folder,
      ...(input && { input }),
    })
    expect(
      result.stderr.replaceAll(/^.*(?:Container|Network|Creating|Starting|Started|Created|Running).*$/gm, '').trim(),
    ).toBe('')
    expect(result.status, result.stderr).toBe(0)
    return result.stdout
  }

  it(
    'swarm mode: one engine begins a swarm, others join it, and a second provisioning changes nothing',
    async () => {
      await create('s1', '--swarm-mode', 'manager')
      const joined = await create('s2', '--swarm-mode', 'worker', '--swarm-join', 's1')
      expect(joined.stdout).toContain('Joining the swarm of "s1" as worker...\n')
      const nodes = `docker node ls --format '{{.Hostname}} {{.Status}} {{.ManagerStatus}}' | sort`
      expect(await inEnv(['s1'], nodes)).toBe('s1 Ready Leader\ns2 Ready \n')
      expect((await machine('provision', 's2')).code).toBe(0)
      await expect
        .poll(() => inEnv(['s1'], nodes), { timeout: 60_000, interval: 1000 })
        .toBe('s1 Ready Leader\ns2 Ready \n')
      const record = await machine('inspect', 's2')
      expect(record.stdout).not.toContain('SWMTKN')
      expect((await machine('create', '-d', 'local', '--swarm-mode', 'worker', 'x')).stderr).toContain(
        '--swarm-join MACHINE',
      )
      const stranger = await machine('create', '-d', 'local', '--swarm-mode', 'worker', '--swarm-join', 'nope', 'x')
      expect(stranger.stderr).toContain('Docker machine "nope" does not exist')
    },
    limitMs,
  )

  it(
    'classic: a manager and agents on three machines, of this very program, found through a token service',
    async () => {
      const gateway = `${subnet}.1`
      service = form.start(
        'flotilla',
        [
          'discovery',
          'serve',
          '--host',
          `tcp://${gateway}:8085`,
          '--state',
          join(folder, 'tokens.json'),
          '--insecure-plain-http',
        ],
        {},
      )
      const base = `http://${gateway}:8085`
      let token = ''
      await expect
        .poll(
          async () => {
            const made = await form.run('swarm', ['create', '--service', base])
            token = made.stdout.trim()
            return made.code
          },
          { timeout: 60_000, interval: 500 },
        )
        .toBe(0)
      discovery = `token://${base}/v1/${token}`
      expect((await machine('create', '-d', 'local', '--swarm', 'x')).stderr).toContain(
        '--swarm and --swarm-master need --swarm-discovery',
      )
      const options = [
        '--swarm',
        '--swarm-discovery',
        discovery,
        '--swarm-join-opt',
        'heartbeat=2s',
        '--swarm-join-opt',
        'ttl=20s',
      ]
      const manage = ['--swarm-opt', 'heartbeat=2s', '--swarm-strategy', 'spread', '--swarm-host', 'tcp://0.0.0.0:3380']
      const first = await create('m1', ...options, '--swarm-master', ...manage)
      expect(first.stdout).toContain('Configuring swarm...\nCopying image flotilla/swarm:')
      await Promise.all([create('m2', ...options), create('m3', ...options)])
      await expect
        .poll(async () => inEnv(['--swarm', 'm1'], "docker info | grep -c 'Status: Healthy' || true"), {
          timeout: 90_000,
          interval: 1000,
        })
        .toBe('3\n')
    },
    limitMs,
  )

  it('ls says who belongs to which swarm, and env points at the manager', async () => {
    const rows = await machine('ls', '--format', '{{.Name}} {{.Swarm}} {{.URL}}')
    const ip = (await machine('ip', 'm1')).stdout.trim()
    expect(rows.stdout.split('\n').slice(0, 3)).toEqual([
      `m1 m1 (master) tcp://${ip}:2376`,
      expect.stringMatching(/^m2 m1 tcp:/),
      expect.stringMatching(/^m3 m1 tcp:/),
    ])
    expect((await machine('env', '--swarm', 'm1')).stdout).toContain(`export DOCKER_HOST="tcp://${ip}:3380"`)
  })

  it(
    'a project is brought up over the three machines with env --swarm and docker-compose',
    async () => {
      await inEnv(['--swarm', 'm1'], 'docker load -q', await makeSampleImage(systemClock))
      writeFileSync(
        join(folder, 'compose.yaml'),
        `name: spread\nservices:\n  web:\n    image: ${sampleImageName}\n    scale: 3\n    network_mode: bridge\n    ports: ["80"]\n`,
      )
      const [program, ...words] = form.command('docker-compose')
      const compose = [program, ...words].map((word) => `'${word}'`).join(' ')
      await inEnv(['--swarm', 'm1'], `${compose} up -d`)
      const names = await inEnv(['--swarm', 'm1'], "docker ps --format '{{.Names}}' | grep spread | cut -d/ -f1 | sort")
      expect(names).toBe('m1\nm2\nm3\n')
      await inEnv(['--swarm', 'm1'], `${compose} down`)
    },
    limitMs,
  )

  it(
    'provisioning again keeps the containers, and new certificates reach the manager',
    async () => {
      const ids = `docker ps -a --no-trunc --format '{{.Names}} {{.ID}}' | sort`
      const before = await inEnv(['m1'], ids)
      expect(before).toMatch(/^swarm-agent \w+\nswarm-agent-master \w+\n$/)
      const again = await machine('provision', 'm1')
      expect(again.stderr).toBe('')
      expect(await inEnv(['m1'], ids)).toBe(before)
      expect(await machine('regenerate-certs', '-f', 'm1')).toMatchObject({ code: 0, stderr: '' })
      await expect
        .poll(async () => (await machine('config', '--swarm', 'm1')).code, { timeout: 60_000, interval: 1000 })
        .toBe(0)
      await expect
        .poll(async () => inEnv(['--swarm', 'm1'], "docker info | grep -c 'Status: Healthy' || true"), {
          timeout: 90_000,
          interval: 1000,
        })
        .toBe('3\n')
    },
    limitMs,
  )
})
