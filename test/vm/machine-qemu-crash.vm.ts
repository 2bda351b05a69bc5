import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensurePrograms, programForms } from '../e2e/programs.ts'
import type { RunResult } from '../e2e/programs.ts'

/** Virtual machines with nothing on their disk, which need not boot: creations that are killed, and exports. */

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const hasQemu = spawnSync('qemu-img', ['--version']).status === 0
/** In the order they are passed. What comes after the last one needs a system on the disk. */
const points = [
  'machine.afterRecord',
  'machine.beforeCheckpoint',
  'machine.afterCheckpoint',
  'qemu.afterDisk',
  'qemu.afterSeed',
  'qemu.afterProcess',
  'machine.afterDriver',
  'machine.afterSave',
] as const

describe.runIf(isRoot && hasQemu)('create of a virtual machine that is killed (needs root on Linux and qemu)', () => {
  let folder: string
  beforeAll(() => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-qemu-crash-'))
    writeFileSync(join(folder, 'blank.img'), Buffer.alloc(1024 * 1024))
  })
  afterAll(async () => {
    const names = (await machine(['ls', '-q'])).stdout.split('\n').filter(Boolean)
    if (names.length > 0) await machine(['rm', '-f', ...names])
    rmSync(folder, { recursive: true, force: true })
  })

  function machine(args: readonly string[], env: Record<string, string> = {}): Promise<RunResult> {
    const [form] = programForms
    return form!.run('docker-machine', args, {
      cwd: folder,
      env: { MACHINE_STORAGE_PATH: join(folder, 'store'), ...env },
      timeoutMs: 300_000,
    })
  }

  async function createKilled(name: string, point: string): Promise<void> {
    const options = ['-d', 'qemu', '--qemu-image', join(folder, 'blank.img'), '--qemu-memory', '256']
    const words = ['create', ...options, '--qemu-accel', 'tcg', name]
    const killed = await machine(words, { FLOTILLA_FAILPOINTS: `${point}=kill` })
    expect([point, killed.signal, killed.stderr]).toEqual([point, 'SIGKILL', ''])
  }

  /** Virtual machines that run in a folder of this test, whoever started them. */
  function findProcesses(): readonly string[] {
    return readdirSync('/proc').filter((pid) => {
      try {
        const isQemu = readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('qemu-system')
        return isQemu && readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)
      } catch {
        return false
      }
    })
  }

  it.each(points)('at %s: the record shows it, rm leaves nothing', async (point) => {
    await createKilled('vm', point)
    const listed = await machine(['ls', '--format', '{{.Name}} {{.Error}}'])
    expect(listed).toMatchObject({ code: 0, stderr: '' })
    expect(listed.stdout).toMatch(/^vm its creation did not finish: "docker-machine create --resume vm" goes on, /)
    expect(await machine(['rm', '-y', 'vm'])).toMatchObject({ code: 0, stderr: '' })
    expect((await machine(['ls', '-q'])).stdout).toBe('')
    expect(existsSync(join(folder, 'store', 'machines', 'vm'))).toBe(false)
    expect(findProcesses()).toEqual([])
  })

  it('--resume makes anew what was not finished, and one process only', async () => {
    await createKilled('vm', 'qemu.afterProcess')
    expect(findProcesses()).toHaveLength(1)
    const resumed = await machine(['create', '--resume', 'vm'], { FLOTILLA_FAILPOINTS: 'machine.afterSave=kill' })
    expect(resumed.signal).toBe('SIGKILL')
    expect(resumed.stdout).toContain('Removing what was made of "vm"...')
    expect(findProcesses()).toHaveLength(1)
    expect((await machine(['status', 'vm'])).stdout).toBe('Running\n')
  })

  it('export says that the disk stays, and import that it is missing', async () => {
    const exported = await machine(['export', 'vm'])
    expect(exported).toMatchObject({ code: 0 })
    expect(exported.stdout).toContain(
      'its disk is not in the export: in another place machine "vm" can be neither started nor used\n',
    )
    const bundle = JSON.parse(readFileSync(join(folder, 'vm.machine'), 'utf8')) as {
      readonly files: readonly { readonly path: string }[]
    }
    expect(bundle.files.map(({ path }) => path)).toEqual(expect.arrayContaining(['id_rsa', 'id_rsa.pub']))
    expect(bundle.files.filter(({ path }) => /disk|seed|qemu|qmp|log/.test(path))).toEqual([])
    const other = { MACHINE_STORAGE_PATH: join(folder, 'other') }
    const imported = await machine(['import', 'vm.machine'], other)
    expect(imported).toMatchObject({ code: 0 })
    expect(imported.stdout).toContain('Machine "vm" was imported without its disk, which is not here')
    const started = await machine(['start', 'vm'], other)
    expect(started.code).toBe(1)
    expect(started.stderr).toContain('the disk of machine "vm" is gone')
    // It is another machine than the one it came from.
    expect((await machine(['rm', '-y', 'vm'], other)).code).toBe(0)
    expect((await machine(['status', 'vm'])).stdout).toBe('Running\n')
    expect((await machine(['rm', '-y', 'vm'])).code).toBe(0)
    expect(findProcesses()).toEqual([])
  })
})
