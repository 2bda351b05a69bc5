import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLog } from '../../src/core/log.ts'
import { systemClock } from '../../src/io/clock.ts'
import { execChecked, execProgram } from '../../src/io/exec.ts'
import { pollUntil, readIdentity } from '../../src/io/process-identity.ts'
import { findBootTrouble } from '../../src/machine/drivers/qemu/accelerator.ts'
import { baseImagePath, ensureBaseImage } from '../../src/machine/drivers/qemu/base-image.ts'
import { cacheFolder } from '../../src/machine/debian/engine-tree.ts'
import { readText } from '../../src/machine/driver.ts'
import type { Driver } from '../../src/machine/driver.ts'
import { descriptor } from '../../src/machine/drivers/qemu/index.ts'
import { systemProgram } from '../../src/machine/drivers/qemu/qemu-args.ts'
import { runMonitorCommand } from '../../src/machine/drivers/qemu/qmp.ts'
import { makeSampleImage } from '../../src/machine/sample-image.ts'
import { defaultOptions, testDriver } from '../conformance/driver.ts'
import { ensurePrograms, programForms } from '../e2e/programs.ts'
import type { RunResult } from '../e2e/programs.ts'

/**
 * Real virtual machines. Where there is no KVM each boot takes a minute or more, and the first run builds the image
 * (about 700 MB under the user's cache folder).
 */

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
/** Set where the minutes of building an image, or installing qemu, are not to be spent. */
const isOnlyCached = process.env['FLOTILLA_TEST_VM'] === 'cached'
const hasQemu = spawnSync('qemu-img', ['--version']).status === 0
const isLive = isRoot && (!isOnlyCached || (hasQemu && existsSync(baseImagePath(process.env))))
const needs = 'root on Linux, qemu, and the image that npm run test:vm builds'

beforeAll(async () => {
  if (isLive) await ensureBaseImage({ clock: systemClock, log: silentLog, env: process.env })
})

describe.runIf(isLive)(`a virtual machine, with the programs (needs ${needs})`, () => {
  const [form] = programForms
  let folder: string
  beforeAll(() => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-qemu-'))
  })
  afterAll(async () => {
    await machine(['rm', '-f', 'vm'])
    rmSync(folder, { recursive: true, force: true })
  })

  function machine(args: readonly string[]): Promise<RunResult> {
    const env = { MACHINE_STORAGE_PATH: join(folder, 'store'), FLOTILLA_CACHE: cacheFolder(process.env) }
    return form!.run('docker-machine', [...args], { env, timeoutMs: 880_000 })
  }

  async function docker(command: string): Promise<string> {
    const { stdout: script } = await machine(['env', 'vm'])
    const result = await execProgram(['sh', '-c', `${script}\n${command}`], {
      clock: systemClock,
      env: { PATH: process.env['PATH'] },
      deadlineMs: 600_000,
    })
    return `${result.stdout}${result.stderr}`
  }

  it('boots, is provisioned over SSH, and its engine answers over TLS', async () => {
    const created = await machine(['create', '-d', 'qemu', '--engine-label', 'a=b', 'vm'])
    expect(created.stderr).toBe('')
    expect(created.stdout).toContain('Provisioning with debian...')
    expect(created.stdout).toContain('Docker is up and running!')
    expect((await machine(['url', 'vm'])).stdout).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+\n$/)
    expect(await docker(`docker info --format '{{.Name}} {{.Driver}} {{.CgroupVersion}}'`)).toBe('vm overlay2 2\n')
    // Engines before 23 list their labels in no particular order.
    const labels = JSON.parse(await docker(`docker info --format '{{json .Labels}}'`)) as string[]
    expect(labels.toSorted()).toEqual(['a=b', 'provider=qemu'])
  })

  it('runs containers, in a kernel of its own and on a disk as large as asked for', async () => {
    writeFileSync(join(folder, 'image.tar'), await makeSampleImage(systemClock))
    await docker(`docker load -q < ${join(folder, 'image.tar')}`)
    expect(await docker('docker run --rm flotilla/sample:latest echo from inside')).toBe('from inside\n')
    const kernel = (await machine(['ssh', 'vm', 'uname -r; hostname'])).stdout
    expect(kernel).toMatch(/-cloud-[a-z0-9]+\nvm\n$/)
    const blocks = await machine(['ssh', 'vm', 'df -B1 --output=size / | tail -1'])
    expect(Number(blocks.stdout)).toBeGreaterThan(15e9)
    expect((await machine(['ssh', 'vm', 'exit 3'])).code).toBe(3)
  })

  it('is stopped by its power button, and comes back with its containers', async () => {
    await docker('docker run -d --restart always --name kept flotilla/sample:latest')
    expect((await machine(['stop', 'vm'])).stderr).toBe('')
    expect((await machine(['status', 'vm'])).stdout).toBe('Stopped\n')
    expect((await machine(['url', 'vm'])).stderr).toContain('Host is not running')
    expect((await machine(['start', 'vm'])).code).toBe(0)
    expect(await docker(`docker ps --format '{{.Names}}'`)).toBe('kept\n')
  })

  it('its process is known by more than its number', async () => {
    const path = join(folder, 'store/machines/vm')
    const { pid } = JSON.parse(readFileSync(join(path, 'qemu.json'), 'utf8')) as { pid: number }
    process.kill(pid, 'SIGKILL')
    expect((await machine(['status', 'vm'])).stdout).toBe('Stopped\n')
    // The number now belongs to somebody else, as after a reboot.
    writeFileSync(join(path, 'qemu.pid'), `${process.pid}\n`)
    writeFileSync(join(path, 'qemu.json'), JSON.stringify({ pid: process.pid, startTicks: '1', bootId: 'x' }))
    expect((await machine(['status', 'vm'])).stdout).toBe('Stopped\n')
    expect((await machine(['rm', '-y', 'vm'])).code).toBe(0)
  })
})

it.runIf(hasQemu)(
  'the boot sector that proves KVM is executed, by an emulated processor too (needs qemu)',
  async () => {
    const program = systemProgram(process.arch) ?? ''
    expect(await findBootTrouble(program, 'tcg', systemClock, { deadlineMs: 60_000 })).toBeUndefined()
    expect(await findBootTrouble('false', 'tcg', systemClock, {})).toBe('qemu with tcg ended with 1: ')
  },
)

describe.runIf(isRoot && hasQemu)('a machine with nothing on its disk (needs root on Linux and qemu)', () => {
  let folder: string
  let driver: Driver
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'machine-blank-'))
    const blank = join(folder, 'blank.img')
    writeFileSync(blank, Buffer.alloc(1024 * 1024))
    const machinePath = join(folder, 'machine')
    mkdirSync(machinePath)
    const random = { next: () => 0.5 }
    const surroundings = { log: silentLog, clock: systemClock, random, env: process.env }
    const ctx = { machineName: 'blank', storePath: folder, machinePath, ...surroundings }
    const options = { ...defaultOptions(descriptor), 'qemu-image': blank, 'qemu-memory': 256, 'qemu-accel': 'tcg' }
    const factory = await descriptor.load()
    driver = factory.create(ctx, await factory.configure(ctx, options))
    await driver.precheck({})
    await driver.create({})
  })
  afterAll(async () => {
    await driver.remove({})
    expect(readdirSync(join(folder, 'machine')).toSorted()).toEqual(['id_rsa', 'id_rsa.pub'])
    rmSync(folder, { recursive: true, force: true })
  })

  it('keeps snapshots with the memory of a running one and without that of one that is off', async () => {
    const snapshots = driver.snapshots!
    expect(await driver.state({})).toBe('Running')
    await snapshots.take('on', {})
    await expect(snapshots.take('on', {})).rejects.toThrow('there is a snapshot "on" of the machine already')
    await expect(snapshots.take('1', {})).rejects.toThrow('"1" is no name for a snapshot')
    await snapshots.restore('on', {})
    expect(await driver.state({})).toBe('Running')
    await driver.kill({})
    await snapshots.take('off', {})
    expect((await snapshots.list({})).map(({ name, hasMemory }) => [name, hasMemory])).toEqual([
      ['on', true],
      ['off', false],
    ])
    await snapshots.restore('off', {})
    await expect(snapshots.restore('on', {})).rejects.toThrow('holds the memory of a machine that was running')
    await expect(snapshots.restore('none', {})).rejects.toThrow('there is no snapshot "none"')
    await driver.start({})
    await expect(snapshots.restore('off', {})).rejects.toThrow('holds the disk of a machine that was off')
    await snapshots.restore('on', {})
    await snapshots.remove('on', {})
    await snapshots.remove('off', {})
    expect(await snapshots.list({})).toEqual([])
  })

  it('paused by somebody else it says so, and start lets it go on', async () => {
    const { pid } = JSON.parse(readFileSync(join(folder, 'machine/qemu.json'), 'utf8')) as { pid: number }
    await runMonitorCommand(`/proc/${pid}/cwd/qmp.sock`, 'stop', systemClock, {})
    expect(await driver.state({})).toBe('Paused')
    await driver.start({})
    expect(await driver.state({})).toBe('Running')
  })

  it('ended by somebody else it is off, and starts again at the same ports', async () => {
    const { pid } = JSON.parse(readFileSync(join(folder, 'machine/qemu.json'), 'utf8')) as { pid: number }
    const url = await driver.engineUrl({})
    process.kill(pid, 'SIGKILL')
    expect(await pollUntil(async () => (await readIdentity(pid)) === undefined, 30_000, systemClock)).toBe(true)
    expect(await driver.state({})).toBe('Stopped')
    await driver.start({})
    expect(await driver.engineUrl({})).toBe(url)
  })

  it('on a bridge has a plug there while it runs, and is at the address it was given', async () => {
    const machinePath = join(folder, 'bridged')
    mkdirSync(machinePath)
    const surroundings = { log: silentLog, clock: systemClock, random: { next: () => 0.5 }, env: process.env }
    const ctx = { machineName: 'bridged', storePath: folder, machinePath, ...surroundings }
    const wanted = { 'qemu-image': join(folder, 'blank.img'), 'qemu-memory': 256, 'qemu-accel': 'tcg' }
    const place = { 'qemu-bridge': 'fqtest0', 'qemu-address': '192.0.2.5/24' }
    const factory = await descriptor.load()
    const config = await factory.configure(ctx, { ...defaultOptions(descriptor), ...wanted, ...place })
    const bridged = factory.create(ctx, config)
    await expect(bridged.precheck({})).rejects.toThrow('--qemu-bridge "fqtest0": there is no such bridge')
    const plugs = (): readonly string[] => readdirSync('/sys/class/net/fqtest0/brif')
    const ip = (...args: readonly string[]): Promise<string> =>
      execChecked(['ip', 'link', ...args], { clock: systemClock })
    await ip('add', 'fqtest0', 'type', 'bridge')
    try {
      await bridged.precheck({})
      await bridged.create({})
      expect(plugs()).toHaveLength(1)
      expect(await bridged.engineUrl({})).toBe('tcp://192.0.2.5:2376')
      expect(bridged.ssh()).toMatchObject({ host: '192.0.2.5', port: 22 })
      await bridged.kill({})
      expect(plugs()).toHaveLength(0)
      await bridged.start({})
      expect(plugs()).toHaveLength(1)
    } finally {
      await bridged.remove({})
      expect(plugs()).toHaveLength(0)
      await ip('delete', 'fqtest0')
    }
  })

  it("that qemu cannot start says why, in qemu's words", async () => {
    await driver.kill({})
    writeFileSync(join(folder, 'machine/seed.iso'), '')
    rmSync(join(folder, 'machine/seed.iso'))
    await expect(driver.start({})).rejects.toThrow(/the virtual machine does not start: .*seed\.iso/)
    expect(await driver.state({})).toBe('Stopped')
  })
})

testDriver(descriptor, {
  options: () => ({}),
  refused: [
    [{ 'qemu-memory': 3 }, /^--qemu-memory 3 is too little/],
    [{ 'qemu-cpus': 0 }, /^--qemu-cpus 0 is too little/],
    [{ 'qemu-disk': 1 }, /^--qemu-disk 1 is too little/],
    [{ 'qemu-accel': 'magic' }, /^--qemu-accel "magic" is none of/],
    [{ 'qemu-kernel': '/k' }, /^--qemu-kernel needs an image/],
    [{ 'qemu-address': '192.0.2.1/24' }, /^--qemu-address needs --qemu-bridge/],
    [{ 'qemu-bridge': 'br0', 'qemu-address': 'x' }, /^--qemu-address "x" is no address/],
  ],
  isLive,
  needs,
  canSwitch: true,
  endOutside: async (config) => {
    const path = join(dirname(readText(config, 'SSHKeyPath')), 'qemu.json')
    const { pid } = JSON.parse(readFileSync(path, 'utf8')) as { pid: number }
    process.kill(pid, 'SIGKILL')
    expect(await pollUntil(async () => (await readIdentity(pid)) === undefined, 30_000, systemClock)).toBe(true)
  },
})
