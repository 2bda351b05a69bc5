import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toHex } from '../../src/machine/subnet.ts'
import { ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/** SIGKILL at each step of `create` with the driver `local`: what is left can be gone on with, and taken away whole. */

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const points = [
  'machine.afterRecord',
  'machine.beforeCheckpoint',
  'machine.afterCheckpoint',
  'machine.afterDriver',
  'machine.afterSave',
  'machine.afterCertificates',
  'machine.afterProvision',
]

/** From this one on there is a host. */
const firstWithHost = 'machine.afterDriver'
/** The network of this test as groups and interfaces are called after it. */
const subnet = '10.214.42.0/24'
const groups = `/${toHex('10.214.42.1')}-`
const interfaces = `fl${toHex('10.214.42.1').slice(0, 6)}`

describe.runIf(isRoot)('create killed at each step (needs root on Linux)', () => {
  let folder: string
  beforeAll(() => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-crash-'))
  }, 120_000)
  afterAll(async () => {
    const { stdout } = await machine(['ls', '-q'])
    const names = stdout.split('\n').filter(Boolean)
    if (names.length > 0) await machine(['rm', '-f', ...names])
    rmSync(folder, { recursive: true, force: true })
  })

  function machine(args: readonly string[], env: Record<string, string> = {}): Promise<RunResult> {
    const [form] = programForms
    if (form === undefined) throw new Error('no program')
    return form.run('docker-machine', args, {
      env: {
        HOME: folder,
        MACHINE_STORAGE_PATH: join(folder, 'store'),
        FLOTILLA_LOCAL_DIR: join(folder, 'local'),
        FLOTILLA_LOCAL_SUBNET: subnet,
        ...env,
      },
      timeoutMs: 120_000,
    })
  }

  async function createKilled(point: string, name: string): Promise<void> {
    const killed = await machine(['create', '-d', 'local', name], { FLOTILLA_FAILPOINTS: `${point}=kill` })
    expect([point, killed.signal]).toEqual([point, 'SIGKILL'])
  }

  /** Processes of hosts and of their switch, all of which are in the control groups of the network, and its interfaces. */
  function findRemains(): readonly string[] {
    const processes = readdirSync('/proc').filter((pid) => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(groups)
      } catch {
        return false
      }
    })
    return [...processes, ...readdirSync('/sys/class/net').filter((name) => name.startsWith(interfaces))]
  }

  it.each(points)(
    '%s: it is listed, rm takes everything away',
    async (point) => {
      await createKilled(point, 'gone')
      const listed = await machine(['ls', '--format', '{{.Name}} {{.State}}'])
      expect(listed).toMatchObject({ code: 0, stderr: '' })
      expect(listed.stdout).toMatch(/^gone /)
      // Else nothing would be proved by what is not found afterwards.
      if (points.indexOf(point) >= points.indexOf(firstWithHost)) expect(findRemains().length).toBeGreaterThan(2)
      const removed = await machine(['rm', '-y', 'gone'])
      expect(removed).toMatchObject({ code: 0, stderr: '' })
      expect(existsSync(join(folder, 'store', 'machines', 'gone'))).toBe(false)
      expect(existsSync(join(folder, 'local'))).toBe(false)
      expect(findRemains()).toEqual([])
    },
    120_000,
  )

  it('create --resume goes on from every step to an engine that answers', async () => {
    for (const point of points) {
      const name = point.replace('machine.', '')
      await createKilled(point, name)
      // Its name is taken until somebody decides what is to become of it.
      expect(await machine(['create', '-d', 'local', name])).toMatchObject({ code: 1 })
    }
    const names = points.map((point) => point.replace('machine.', ''))
    const resumed = await machine(['create', '--resume', ...names])
    expect(resumed).toMatchObject({ code: 0, stderr: '' })
    const states = await machine(['ls', '--format', '{{.Name}} {{.State}} {{.Error}}'])
    expect(
      states.stdout
        .trim()
        .split('\n')
        .map((line) => line.trimEnd())
        .sort(),
    ).toEqual(names.map((name) => `${name} Running`).sort())
    for (const name of names) expect((await machine(['version', name])).stdout).toMatch(/^\d+\./)
    expect(await machine(['create', '--resume', names[0] ?? ''])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is complete: there is nothing to resume') as string,
    })
    expect(await machine(['rm', '-y', ...names])).toMatchObject({ code: 0, stderr: '' })
    expect(existsSync(join(folder, 'local'))).toBe(false)
    expect(findRemains()).toEqual([])
  }, 300_000)

  it('create --rollback takes away what a failing step left', async () => {
    const failed = await machine(['create', '-d', 'local', '--rollback', 'back'], {
      FLOTILLA_FAILPOINTS: 'machine.afterCertificates=error(no luck)',
    })
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain('no luck')
    expect(existsSync(join(folder, 'store', 'machines', 'back'))).toBe(false)
    expect(existsSync(join(folder, 'local'))).toBe(false)
  }, 120_000)
})
