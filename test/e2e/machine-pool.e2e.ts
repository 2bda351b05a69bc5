import { spawnSync } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/io/clock.ts'
import { makeSampleImage, sampleImageName } from '../../src/machine/sample-image.ts'
import { collect, ensurePrograms, executableForm } from './programs.ts'
import type { RunResult } from './programs.ts'

/** A pool on real hosts: a container that fits nowhere waits, a machine comes, runs it, and goes when it is idle. */

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const limitMs = 240_000

describe.runIf(isRoot)('a pool of machines (needs root on Linux)', () => {
  const form = executableForm
  let folder: string
  let manager: ChildProcessWithoutNullStreams | undefined
  let runner: ChildProcessWithoutNullStreams | undefined
  let log = ''
  const socket = (): string => `unix://${join(folder, 'fleet.sock')}`

  beforeAll(() => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-pool-'))
  })
  afterAll(async () => {
    runner?.kill('SIGKILL')
    manager?.kill('SIGKILL')
    const { stdout } = await machine('ls', '-q')
    const left = stdout.split('\n').filter(Boolean)
    if (left.length > 0) await machine('rm', '-f', ...left)
    rmSync(folder, { recursive: true, force: true })
  }, limitMs)

  function environment(): Record<string, string> {
    return {
      MACHINE_STORAGE_PATH: join(folder, 'store'),
      FLOTILLA_LOCAL_DIR: join(folder, 'local'),
      FLOTILLA_LOCAL_SUBNET: '10.214.62.0/24',
    }
  }

  function machine(...args: string[]): Promise<RunResult> {
    return form.run('docker-machine', args, { env: environment(), timeoutMs: limitMs })
  }

  function docker(
    args: readonly string[],
    input?: Buffer,
  ): { readonly code: number | null; readonly stdout: string; readonly stderr: string } {
    const env = { PATH: process.env['PATH'], HOME: folder, DOCKER_HOST: socket() }
    const { status, stdout, stderr } = spawnSync('docker', args, { encoding: 'utf8', env, ...(input && { input }) })
    return { code: status, stdout, stderr }
  }

  function startRunner(env: Record<string, string> = {}): ChildProcessWithoutNullStreams {
    const child = form.start('docker-machine', ['pool', 'run', 'ci', '--host', socket()], {
      env: { ...environment(), ...env },
    })
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (log += text))
    return child
  }

  const machines = async (): Promise<readonly string[]> =>
    (await machine('ls', '-q')).stdout.split('\n').filter(Boolean)
  const poolMachines = async (): Promise<readonly string[]> =>
    (await machines()).filter((name) => name.startsWith('ci-'))

  it(
    'is described with the flags of its machines, wrong ones refused',
    async () => {
      const odd = await machine('pool', 'create', 'odd', '--driver', 'local', '--local-memory', '1')
      expect(odd).toMatchObject({ code: 1, stderr: expect.stringContaining('--local-memory 1 is too little') })
      const bounds = await machine('pool', 'create', 'odd', '--driver', 'local', '--min', '3', '--max', '2')
      expect(bounds.stderr).toContain('--min 3 --max 2')
      const flags = [
        '--driver',
        'local',
        '--local-memory',
        '2048',
        '--engine-label',
        'tier=ci',
        '--min',
        '0',
        '--max',
        '2',
        '--idle',
        '4s',
      ]
      const made = await machine('pool', 'create', 'ci', ...flags)
      expect(made).toMatchObject({ code: 0, stderr: '' })
      expect((await machine('pool', 'create', 'ci', ...flags)).stderr).toContain('pool "ci" already exists')
      expect((await machine('pool', 'ls')).stdout).toMatch(
        /^NAME +DRIVER +MACHINES +MIN +MAX +IDLE.*\nci +local +0 +0 +2 +4s/,
      )
      expect(JSON.parse((await machine('pool', 'inspect', 'ci')).stdout)).toMatchObject({
        Name: 'ci',
        Max: 2,
        IdleSeconds: 4,
        Flags: { 'local-memory': 2048 },
      })
    },
    limitMs,
  )

  it(
    'grows for a container that waits, and shrinks when it is gone',
    async () => {
      expect((await machine('create', '-d', 'local', '--local-memory', '512', 'base')).stderr).toBe('')
      const base = (await machine('ip', 'base')).stdout.trim()
      const nodes = join(folder, 'store/pools/ci.nodes')
      // What stands beside the pool's own lines stays.
      appendFileSync(nodes, `${base}:2376\n`)
      const certs = join(folder, 'store/certs')
      const tls = [
        '--tlsverify',
        '--tlscacert',
        join(certs, 'ca.pem'),
        '--tlscert',
        join(certs, 'cert.pem'),
        '--tlskey',
        join(certs, 'key.pem'),
      ]
      const discovery = `file://${nodes}`
      manager = form.start('swarm', ['manage', ...tls, '--heartbeat', '1s', '-H', socket(), discovery], {})
      manager.stdout.resume()
      manager.stderr.resume()
      runner = startRunner()
      await expect.poll(() => docker(['info']).stdout, { timeout: 60_000, interval: 500 }).toContain('Status: Healthy')
      // Only the machine that is always there gets the image; the others copy it from there.
      expect(docker(['load', '-q'], await makeSampleImage(systemClock)).code).toBe(0)
      const work = [
        'run',
        '-d',
        '--pull',
        'never',
        '--label',
        'flotilla.wait=120s',
        '-m',
        '1500m',
        sampleImageName,
        '/bin/idle',
      ]
      const refused = docker(['create', '--pull', 'never', '-m', '1500m', sampleImageName])
      expect(refused.stderr).toContain('no resources available')
      expect(await poolMachines()).toEqual([])
      const one = docker(work)
      expect(one).toMatchObject({ code: 0 })
      const two = docker(work)
      expect(two, log).toMatchObject({ code: 0 })
      expect(await poolMachines()).toHaveLength(2)
      const names = docker(['ps', '--format', '{{.Names}}'])
        .stdout.trim()
        .split('\n')
        .map((name) => name.split('/')[0])
      expect(new Set(names).size).toBe(2)
      // The pool is full: what waits now waits until its time is over.
      const third = docker(['create', '--pull', 'never', '--label', 'flotilla.wait=2s', '-m', '1500m', sampleImageName])
      expect(third.stderr).toContain('(waited 2s)')

      expect(docker(['rm', '-f', two.stdout.trim()]).code).toBe(0)
      await expect.poll(poolMachines, { timeout: 90_000, interval: 1000 }).toHaveLength(1)
      expect(docker(['exec', one.stdout.trim(), 'hostname']).code).toBe(0)
      expect(docker(['rm', '-f', one.stdout.trim()]).code).toBe(0)
      await expect.poll(poolMachines, { timeout: 90_000, interval: 1000 }).toEqual([])
      await expect
        .poll(() => readFileSync(nodes, 'utf8'), { timeout: 20_000 })
        .toBe(`# Nodes that are always there can be added here, HOST:PORT a line.\n${base}:2376\n`)
      expect(await machines()).toEqual(['base'])
    },
    limitMs,
  )

  it(
    'one that is killed while it makes a machine leaves nothing behind when it runs again',
    async () => {
      runner!.kill('SIGTERM')
      expect((await collect(runner!, 60_000)).code).toBe(0)
      runner = startRunner({ FLOTILLA_FAILPOINTS: 'machine.afterSave=kill' })
      const ended = collect(runner, limitMs)
      const waiting = form.start('docker-machine', ['ls', '-q'], { env: environment() })
      await collect(waiting, 60_000)
      const asked = spawnSync(
        'sh',
        ['-c', 'docker create --pull never --label flotilla.wait=60s -m 1500m "$0" & sleep 0.1', sampleImageName],
        {
          env: { PATH: process.env['PATH'], HOME: folder, DOCKER_HOST: socket() },
          stdio: 'ignore',
        },
      )
      expect(asked.status).toBe(0)
      expect((await ended).signal).toBe('SIGKILL')
      const [half] = await poolMachines()
      expect(half).toBeDefined()
      runner = startRunner()
      await expect.poll(poolMachines, { timeout: 60_000, interval: 500 }).not.toContain(half)
      const second = await form.run('docker-machine', ['pool', 'run', 'ci', '--host', socket()], {
        env: environment(),
      })
      expect(second).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/pool "ci" is (?:locked|in use|held)|by process/),
      })
    },
    limitMs,
  )

  it(
    'is forgotten with its machines only when told so',
    async () => {
      runner!.kill('SIGTERM')
      await collect(runner!, 60_000)
      expect(await machine('pool', 'rm', '--force', 'ci')).toMatchObject({ code: 0 })
      expect((await machine('pool', 'ls', '-q')).stdout).toBe('')
      expect(await poolMachines()).toEqual([])
    },
    limitMs,
  )
})
