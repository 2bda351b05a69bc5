import { Buffer } from 'node:buffer'
import { promises as fs } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { isFlotillaError } from '../../../core/errors.ts'
import { execProgram } from '../../../io/exec.ts'
import { readTextFile } from '../../../io/files.ts'
import type { Accelerator } from './qemu-args.ts'

const smokeLimitMs = 15_000
/** What qemu ends with when the guest writes 42 to the exit port: twice that, plus one. */
const smokeExit = 85

/**
 * A boot sector: `mov dx, 0xf4; mov al, 42; out dx, al; hlt; jmp $-1`. A processor that executes it ends qemu.
 */
const smokeCode: readonly number[] = [0xba, 0xf4, 0x00, 0xb0, 0x2a, 0xee, 0xf4, 0xeb, 0xfd]

/**
 * Why KVM cannot be used here; `undefined` when it can. That `/dev/kvm` opens proves nothing: there are places where
 * qemu starts with it and no guest ever executes an instruction, so a tiny one is booted.
 */
export async function findKvmTrouble(program: string, clock: Clock, o: CallOptions): Promise<string | undefined> {
  try {
    await fs.access('/dev/kvm', fs.constants.R_OK | fs.constants.W_OK)
  } catch {
    return '/dev/kvm cannot be opened'
  }
  if (process.arch !== 'x64') return undefined
  if (!/^flags\s*:.*\b(?:vmx|svm)\b/m.test((await readTextFile('/proc/cpuinfo')) ?? '')) {
    return 'the processor shows neither vmx nor svm'
  }
  return findBootTrouble(program, 'kvm', clock, o)
}

/** Boots the smallest machine there is; `undefined` when its processor executed what it should. */
export async function findBootTrouble(
  program: string,
  accelerator: Accelerator,
  clock: Clock,
  o: CallOptions,
): Promise<string | undefined> {
  const folder = await fs.mkdtemp(join(tmpdir(), 'flotilla-kvm-'))
  try {
    const disk = join(folder, 'boot.img')
    await fs.writeFile(disk, makeSmokeDisk())
    const words = ['-accel', accelerator, '-m', '32', '-nodefaults', '-display', 'none'] as const
    const drive = ['-drive', `format=raw,file=${disk}`, '-device', 'isa-debug-exit,iobase=0xf4'] as const
    const limit = Math.min(o.deadlineMs ?? smokeLimitMs, smokeLimitMs)
    const result = await execProgram([program, ...words, ...drive], { ...o, clock, deadlineMs: limit })
    if (result.code === smokeExit) return undefined
    return `qemu with ${accelerator} ended with ${result.code}: ${result.stderr.trim().split('\n').at(-1) ?? ''}`
  } catch (error) {
    if (!isFlotillaError(error) || error.code !== 'core/deadline') throw error
    return `a machine with ${accelerator} executed nothing within ${smokeLimitMs / 1000} s`
  } finally {
    await fs.rm(folder, { recursive: true, force: true })
  }
}

/** One sector of code with the mark of a boot sector, on a disk of a size that firmware accepts. */
export function makeSmokeDisk(): Buffer {
  const disk = Buffer.alloc(1024 * 1024)
  Buffer.from(smokeCode).copy(disk)
  disk.writeUInt16LE(0xaa55, 510)
  return disk
}
