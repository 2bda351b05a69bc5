import { readFile, readdir } from 'node:fs/promises'
import process from 'node:process'
import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'

/**
 * Names one process beyond doubt: process numbers are given again, but never with the same start time
 * within one boot.
 */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks from boot to the start of the process. */
  readonly startTicks: string
  readonly bootId: string
}

interface ProcessStat {
  readonly state: string
  readonly parent: number
  readonly startTicks: string
}

/** Reads the text of `/proc/PID/stat`; the program's name in it may hold blanks and parentheses. */
export function parseStat(text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, parent] = fields
  const startTicks = fields[19]
  if (state === undefined || parent === undefined || startTicks === undefined) return undefined
  return { state, parent: Number(parent), startTicks }
}

async function readStat(pid: number): Promise<ProcessStat | undefined> {
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    // The process is gone.
    return undefined
  }
}

/** Changes with every boot of the machine. */
export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim()
}

/** `undefined` when there is no such process, or only its unreaped rest. */
export async function readIdentity(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readStat(pid)
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return undefined
  return { pid, startTicks: stat.startTicks, bootId: await readBootId() }
}

/** True while exactly this process lives. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await readIdentity(identity.pid)
  return now !== undefined && now.startTicks === identity.startTicks && now.bootId === identity.bootId
}

/** Sends a signal to exactly this process; does nothing when it is gone. */
export async function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): Promise<void> {
  if (await isAlive(identity)) sendSignal(identity.pid, signal)
}

/** Sends a signal; a process that is gone is no error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Children of a process. Falls back to a walk over all processes on kernels without `children` files. */
export async function readChildren(pid: number): Promise<readonly number[]> {
  try {
    const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    const found: number[] = []
    for (const name of await readdir('/proc')) {
      if (/^\d+$/.test(name) && (await readStat(Number(name)))?.parent === pid) found.push(Number(name))
    }
    return found
  }
}

/**
 * Asks again and again until `isTrue` says so.
 *
 * @returns false when the time was up first
 */
export async function pollUntil(
  isTrue: () => Promise<boolean>,
  limitMs: number,
  clock: Clock,
  o: CallOptions & { readonly everyMs?: number } = {},
): Promise<boolean> {
  const endMs = clock.nowMs() + limitMs
  for (;;) {
    if (await isTrue()) return true
    if (clock.nowMs() >= endMs) return false
    await clock.sleep(o.everyMs ?? 20, o.signal)
  }
}
