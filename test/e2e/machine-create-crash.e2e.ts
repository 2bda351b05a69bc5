import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/** `create` that is killed with SIGKILL at each of its steps, on real hosts. */

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const limitMs = 240_000

/** In the order they are passed. After the first four nothing but the record and the host is there. */
const points = [
  'machine.afterRecord',
  'machine.afterDriver',
  'machine.afterSave',
  'machine.afterCertificates',
  'machine.afterProvision',
] as const

describe.runIf(isRoot)('create that is killed (needs root on Linux)', () => {
  const [form] = programForms
  let folder: string

  beforeAll(() => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-crash-'))
  })
  afterAll(async () => {
    const { stdout } = await machine(['ls', '-q'])
    const left = stdout.split('\n').filter(Boolean)
    if (left.length > 0) await machine(['rm', '-f', ...left])
    rmSync(folder, { recursive: true, force: true })
  }, limitMs)

  function machine(args: readonly string[], env: Record<string, string> = {}): Promise<RunResult> {
    const own = {
      MACHINE_STORAGE_PATH: join(folder, 'store'),
      FLOTILLA_LOCAL_DIR: join(folder, 'local'),
      FLOTILLA_LOCAL_SUBNET: '10.214.61.0/24',
    }
    return form!.run('docker-machine', args, { env: { ...own, ...env }, timeoutMs: limitMs })
  }

  /** Processes that belong to hosts of this test, from the outside. */
  function processes(): readonly string[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        try {
          const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
          return line.includes(`${folder}/local`) ? [`${pid} ${line}`] : []
        } catch {
          return []
        }
      })
  }

  async function kill(name: string, point: string): Promise<void> {
    const result = await machine(['create', '-d', 'local', name], { FLOTILLA_FAILPOINTS: `${point}=kill` })
    expect(result.signal, `${point}: ${result.stderr}`).toBe('SIGKILL')
  }

  it.each(points)(
    'at %s: the record shows it, rm leaves nothing',
    async (point) => {
      await kill('web', point)
      const list = await machine(['ls', '--format', '{{.Name}} {{.Error}}'])
      expect(list.code).toBe(0)
      expect(list.stdout).toMatch(/^web its creation did not finish: "docker-machine create --resume web" goes on, /)
      expect(await machine(['rm', '-y', 'web'])).toMatchObject({ code: 0, stderr: '' })
      expect((await machine(['ls', '-q'])).stdout).toBe('')
      const subnets = existsSync(join(folder, 'local')) ? readdirSync(join(folder, 'local')) : []
      const hosts = subnets.flatMap((each) => {
        const path = join(folder, 'local', each, 'hosts')
        return existsSync(path) ? readdirSync(path) : []
      })
      expect(hosts).toEqual([])
      expect(processes()).toEqual([])
    },
    limitMs,
  )

  it.each(points)(
    'at %s: --resume ends with an engine that answers',
    async (point) => {
      await kill('web', point)
      // Taken by somebody who has died: nobody has to wait for him.
      const again = await machine(['create', '-d', 'local', 'web'])
      expect(again).toMatchObject({ code: 1, stderr: 'Docker machine "web" already exists\n' })
      const resumed = await machine(['create', '--resume', 'web'])
      expect(resumed.stderr).toBe('')
      expect(resumed.stdout).toContain('Docker is up and running!')
      expect((await machine(['config', 'web'])).code).toBe(0)
      expect((await machine(['ls', '--format', '{{.State}} {{.Error}}'])).stdout).toBe('Running \n')
      const nothing = await machine(['create', '--resume', 'web'])
      expect(nothing.stderr).toContain('machine "web" is complete: there is nothing to resume')
      expect((await machine(['rm', '-y', 'web'])).code).toBe(0)
      expect(processes()).toEqual([])
    },
    limitMs,
  )

  it(
    'provision finishes what had only to be provisioned, and says what to do with what had not',
    async () => {
      await kill('late', 'machine.afterCertificates')
      expect(await machine(['provision', 'late'])).toMatchObject({ code: 0, stderr: '' })
      expect((await machine(['ls', '--format', '{{.Error}}'])).stdout).toBe('\n')
      await kill('early', 'machine.afterRecord')
      const early = await machine(['provision', 'early'])
      expect(early.stderr).toContain('machine "early" was not made completely\n')
      expect(early.stderr).toContain('"docker-machine create --resume early" goes on')
    },
    limitMs,
  )
})
