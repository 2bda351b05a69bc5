import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../../core/log.ts'
import { systemClock } from '../../../io/clock.ts'
import { readIdentity } from '../../../io/process-identity.ts'
import type { DriverContext } from '../../driver.ts'
import { makeSmokeDisk } from './accelerator.ts'
import { qemuFactory } from './driver.ts'
import { machineFiles, qemuWords, toMacAddress } from './qemu-args.ts'
import { runMonitorCommand } from './qmp.ts'
import { makeSeed } from './seed.ts'
import { findProcess } from './vm-process.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'qemu-unit-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the command line of a machine', () => {
  const vm = {
    name: 'a',
    architecture: 'x64',
    accelerator: 'tcg',
    cpus: 2,
    memoryMb: 512,
    macAddress: toMacAddress('0123456789'),
    network: { kind: 'user', sshPort: 4000, enginePort: 4001 },
  } as const

  it('forwards SSH and the engine from the loopback only, and boots the disk', () => {
    const words = qemuWords(vm).join(' ')
    expect(words).toContain('user,id=net0,hostfwd=tcp:127.0.0.1:4000-:22,hostfwd=tcp:127.0.0.1:4001-:4001')
    expect(words).toContain('-accel tcg,thread=multi -cpu max')
    expect(words).toContain('mac=52:54:00:01:23:45')
    expect(words).not.toContain('-kernel')
  })

  it('with a kernel beside the disk, KVM and a plug', () => {
    const boot = { kernel: '/k', initrd: '/i' }
    const network = { kind: 'tap', interfaceName: 'fq1' } as const
    const words = qemuWords({ ...vm, accelerator: 'kvm', boot, network }).join(' ')
    expect(words).toContain(
      '-kernel /k -initrd /i -append root=LABEL=root rw quiet systemd.show_status=true console=ttyS0',
    )
    expect(words).toContain('tap,id=net0,ifname=fq1,script=no,downscript=no')
    expect(words).toContain('-accel kvm -cpu host')
  })
})

describe('the seed of a machine', () => {
  const wanted = {
    name: 'a',
    instanceId: 'a-1',
    user: 'root',
    publicKey: 'ssh-ed25519 AAAA\n',
    macAddress: '52:54:00:0:0:1',
  }

  it('lets root in by key, and makes other users', () => {
    expect(makeSeed(wanted).toString('latin1')).toContain(
      '#cloud-config\n{"disable_root":false,"ssh_authorized_keys":["ssh-ed25519 AAAA"],"ssh_pwauth":false}\n',
    )
    const other = makeSeed({ ...wanted, user: 'debian' }).toString('latin1')
    expect(other).toContain('"users":[{"name":"debian","sudo":"ALL=(ALL) NOPASSWD:ALL"')
    expect(other).not.toContain('NETWORK')
  })

  it('names a fixed address for cloud-init and for systemd', () => {
    const fixed = { cidr: '192.0.2.5/24', gateway: '192.0.2.1', nameservers: ['192.0.2.1'] }
    const text = makeSeed({ ...wanted, fixed }).toString('latin1')
    expect(text).toContain('"addresses":["192.0.2.5/24"]')
    expect(text).toContain('Address=192.0.2.5/24\nGateway=192.0.2.1\nDNS=192.0.2.1\n')
  })
})

it('the boot sector that proves KVM is one: code, and the mark at its end', () => {
  const disk = makeSmokeDisk()
  expect([disk[510], disk[511]]).toEqual([0x55, 0xaa])
  expect(disk[0]).toBe(0xba)
})

describe.runIf(process.platform === 'linux')('the process of a machine (Linux)', () => {
  it('is none for a number that another process has, or a file that is broken', async () => {
    writeFileSync(join(folder, machineFiles.pid), `${process.pid}\n`)
    for (const text of ['', '{', '{"pid":1}', JSON.stringify({ pid: process.pid, startTicks: '1', bootId: 'x' })]) {
      writeFileSync(join(folder, machineFiles.process), text)
      expect(await findProcess(folder), text).toBeUndefined()
    }
  })

  it('is the one that was noted, start time and boot included', async () => {
    const identity = await readIdentity(process.pid)
    writeFileSync(join(folder, machineFiles.process), JSON.stringify(identity))
    expect(await findProcess(folder)).toEqual(identity)
  })

  it('a machine that was never made has no state; one whose disk is gone says so', async () => {
    const ctx: DriverContext = {
      machineName: 'a',
      storePath: folder,
      machinePath: folder,
      log: silentLog,
      clock: systemClock,
      random: { next: () => 0.5 },
      env: {},
    }
    const options = {
      'qemu-cpus': 1,
      'qemu-memory': 512,
      'qemu-disk': 4000,
      'qemu-accel': 'tcg',
      'qemu-ssh-user': 'root',
    }
    const config = await qemuFactory.configure(ctx, options)
    expect(await qemuFactory.create(ctx, config).state({})).toBe('')
    const made = qemuFactory.create(ctx, { ...config, IPAddress: '127.0.0.1' })
    expect(await made.state({})).toBe('Error')
    await expect(made.start({})).rejects.toThrow('the disk of machine "a" is gone')
    await made.remove({})
  })
})

describe('the monitor', () => {
  let server: Server
  afterEach(() => server.close())

  async function answer(lines: (command: string) => readonly object[]): Promise<string> {
    const path = join(folder, 'monitor')
    server = createServer((socket) => {
      socket.write(`${JSON.stringify({ QMP: {} })}\r\n`)
      socket.on('error', () => {})
      socket.on('data', (data) => {
        const { execute } = JSON.parse(data.toString()) as { execute: string }
        for (const line of lines(execute)) socket.write(`${JSON.stringify(line)}\r\n`)
        if (execute === 'hang-up') socket.destroy()
      })
    })
    await new Promise<void>((resolve) => server.listen(path, resolve))
    return path
  }

  it('answers between events', async () => {
    const path = await answer((command) =>
      command === 'qmp_capabilities' ? [{ return: {} }] : [{ event: 'RESUME' }, { return: { status: 'running' } }],
    )
    expect(await runMonitorCommand(path, 'query-status', systemClock, {})).toEqual({ status: 'running' })
  })

  it('refusals, silence and a broken line are errors that name the command', async () => {
    const path = await answer((command) => {
      if (command === 'qmp_capabilities') return [{ return: {} }]
      return command === 'no' ? [{ error: { class: 'CommandNotFound', desc: 'no such command' } }] : []
    })
    const monitor = 'monitor of the virtual machine: '
    await expect(runMonitorCommand(path, 'no', systemClock, {})).rejects.toThrow(`${monitor}no: no such command`)
    await expect(runMonitorCommand(path, 'hang-up', systemClock, {})).rejects.toThrow('the monitor hung up')
    await expect(runMonitorCommand(path, 'wait', systemClock, { deadlineMs: 50 })).rejects.toThrow(
      'no answer within 50 ms',
    )
    symlinkSync('/nowhere', join(folder, 'none'))
    await expect(runMonitorCommand(join(folder, 'none'), 'x', systemClock, {})).rejects.toThrow('ENOENT')
  })
})
