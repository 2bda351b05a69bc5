import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { startDetached } from '../../../io/detached.ts'
import type { ProgramWords } from '../../../io/exec.ts'
import { failpoint } from '../../../io/failpoint.ts'
import { readTextFile, writeFileAtomic } from '../../../io/files.ts'
import { isAlive, pollUntil, readIdentity, signalProcess } from '../../../io/process-identity.ts'
import type { ProcessIdentity } from '../../../io/process-identity.ts'
import { machineFiles } from './qemu-args.ts'
import { runMonitorCommand } from './qmp.ts'

/** Until the monitor of a new process answers. */
const startLimitMs = 60_000
/** A killed process has to give back its memory. */
const killLimitMs = 30_000

/**
 * The process of the machine in this folder; `undefined` when it has none. A number in a file may have been given to
 * another process meanwhile: it counts only with the same start time, or when the process works in this very folder.
 */
export async function findProcess(folder: string): Promise<ProcessIdentity | undefined> {
  const noted = parseIdentity(await readTextFile(join(folder, machineFiles.process)))
  if (noted !== undefined && (await isAlive(noted))) return noted
  const pid = Number.parseInt((await readTextFile(join(folder, machineFiles.pid))) ?? '', 10)
  // Who started it may have been killed before either was written.
  if (!(pid > 1)) return noted === undefined ? searchProcess(folder) : undefined
  const identity = await readIdentity(pid)
  return identity !== undefined && (await worksIn(pid, folder)) ? identity : undefined
}

async function searchProcess(folder: string): Promise<ProcessIdentity | undefined> {
  for (const name of await fs.readdir('/proc').catch(() => [])) {
    if (/^\d+$/.test(name) && (await worksIn(Number(name), folder))) return readIdentity(Number(name))
  }
  return undefined
}

async function worksIn(pid: number, folder: string): Promise<boolean> {
  try {
    if (!(await fs.readFile(`/proc/${pid}/comm`, 'utf8')).startsWith('qemu-system')) return false
    return (await fs.readlink(`/proc/${pid}/cwd`)) === (await fs.realpath(folder))
  } catch {
    // It has just ended, or belongs to somebody else.
    return false
  }
}

function parseIdentity(text: string | undefined): ProcessIdentity | undefined {
  if (text === undefined) return undefined
  try {
    const value = JSON.parse(text) as Partial<ProcessIdentity>
    const { pid, startTicks, bootId } = value
    if (typeof pid !== 'number' || typeof startTicks !== 'string' || typeof bootId !== 'string') return undefined
    return { pid, startTicks, bootId }
  } catch {
    return undefined
  }
}

/**
 * Starts the machine in this folder and waits until its monitor answers.
 *
 * @throws {machine/driver} with qemu's last words
 */
export async function startProcess(words: ProgramWords, folder: string, clock: Clock, o: CallOptions): Promise<void> {
  for (const name of [machineFiles.pid, machineFiles.monitor, machineFiles.log, machineFiles.process]) {
    await fs.rm(join(folder, name), { force: true })
  }
  const logPath = join(folder, machineFiles.log)
  const pid = await startDetached(words, {
    clock,
    logPath,
    cwd: folder,
    onSpawn: async (number) => {
      await failpoint('qemu.afterProcess')
      const identity = await readIdentity(number)
      if (identity !== undefined)
        await writeFileAtomic(join(folder, machineFiles.process), JSON.stringify(identity), 0o600)
    },
  })
  const identity = await readIdentity(pid)
  const answers = async (): Promise<boolean> => {
    if (identity === undefined || !(await isAlive(identity))) return true
    return runMonitorCommand(monitorPath(identity), 'query-status', clock, { ...o, deadlineMs: 5000 }).then(
      () => true,
      () => false,
    )
  }
  const isInTime = await pollUntil(answers, startLimitMs, clock, { ...o, everyMs: 100 })
  if (isInTime && identity !== undefined && (await isAlive(identity))) return
  if (identity !== undefined) await signalProcess(identity, 'SIGKILL')
  const said = ((await readTextFile(logPath)) ?? '').trim().split('\n').slice(-5).join('\n')
  throw new FlotillaError(
    'machine/driver',
    `the virtual machine does not start: ${said === '' ? 'qemu is silent' : said}`,
  )
}

/** Through the process's own folder, because paths of sockets must be short. */
export function monitorPath({ pid }: ProcessIdentity): string {
  return `/proc/${pid}/cwd/${machineFiles.monitor}`
}

/** @returns false when it lives on */
export async function waitForEnd(
  identity: ProcessIdentity,
  limitMs: number,
  clock: Clock,
  o: CallOptions,
): Promise<boolean> {
  return pollUntil(async () => !(await isAlive(identity)), limitMs, clock, { ...o, everyMs: 200 })
}

/** @throws {machine/driver} when it does not even end so */
export async function killProcess(identity: ProcessIdentity, clock: Clock): Promise<void> {
  await signalProcess(identity, 'SIGKILL')
  if (await waitForEnd(identity, killLimitMs, clock, {})) return
  throw new FlotillaError('machine/driver', `process ${identity.pid} of the virtual machine does not end`)
}
