import { promises as fs } from 'node:fs'
import { hostname } from 'node:os'
import type { Clock } from '../core/clock.ts'
import { FlotillaError } from '../core/errors.ts'
import { fileReason } from '../core/file-reason.ts'
import { codeOf, makeNonce, readTextFile } from './files.ts'
import { parseStat } from './process-identity.ts'

/** Who holds a lock. A pid alone is not enough: pids are used again. */
interface Owner {
  readonly pid: number
  readonly computer: string
  /** When the process started, in the kernel's ticks; 0 where that cannot be told. */
  readonly startTicks: number
  readonly boot: string
  readonly nonce: string
}

export interface LockOptions {
  readonly clock: Clock
  /** How long to wait for another holder; 0 fails at once. */
  readonly waitMs: number
  readonly signal?: AbortSignal
  /** What the error calls the locked thing, for instance `machine "a"`. */
  readonly subject: string
}

const pollMs = 50
/** A lock that two sweepers fight over is looked at again this often before giving up. */
const sweepAttempts = 20

/**
 * Runs `body` while no other process runs one under the same path. The lock is a file with the owner's
 * pid and start time; the file of a process that has died is taken over.
 *
 * @throws {io/locked} naming the holder when it does not let go within `waitMs`
 */
export async function withLock<T>(path: string, options: LockOptions, body: () => Promise<T>): Promise<T> {
  const mine = await makeOwner()
  await acquire(path, mine, options)
  try {
    return await body()
  } finally {
    await release(path, mine)
  }
}

/**
 * Locks a file that only processes of this computer write, until the result is called: PATH.lock is the lock. That of
 * another computer is taken over, since containers get a new name with each start.
 *
 * @throws {io/locked} naming the holder when it does not let go within `waitMs`
 */
export async function lockBeside(path: string, options: LockOptions): Promise<() => Promise<void>> {
  const mine = await makeOwner()
  await acquire(`${path}.lock`, mine, options, true)
  return () => release(`${path}.lock`, mine)
}

async function acquire(path: string, mine: Owner, options: LockOptions, isLocal = false): Promise<void> {
  const endMs = options.clock.nowMs() + options.waitMs
  let sweeps = 0
  for (;;) {
    if (await claim(path, mine)) return
    const holder = await readOwner(path)
    if (holder === undefined) continue
    if (holder === 'unreadable' || !(await isAlive(holder, isLocal))) {
      sweeps += 1
      if (sweeps <= sweepAttempts) {
        await sweep(path, mine, isLocal)
        continue
      }
    }
    if (options.clock.nowMs() >= endMs) throw lockedError(options.subject, path, holder)
    await options.clock.sleep(pollMs, options.signal)
  }
}

function lockedError(subject: string, path: string, holder: Owner | 'unreadable'): FlotillaError {
  const who =
    holder === 'unreadable' ? 'an unreadable lock file' : `process ${holder.pid} on ${JSON.stringify(holder.computer)}`
  return new FlotillaError('io/locked', `${subject} is in use by ${who}`, {
    hint: `wait until it has finished; if it no longer exists, delete ${path}`,
  })
}

/** Creates the lock with its content in one step (`link` fails when the name is taken). */
async function claim(path: string, mine: Owner): Promise<boolean> {
  const temporary = `${path}.${mine.nonce}`
  try {
    await fs.writeFile(temporary, JSON.stringify(mine), { mode: 0o600, flag: 'wx' })
    await fs.link(temporary, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw new FlotillaError('io/file', `cannot lock ${JSON.stringify(path)}: ${fileReason(error)}`, { cause: error })
  } finally {
    await fs.rm(temporary, { force: true }).catch(() => {})
  }
}

/**
 * Removes the lock of a dead process. Two sweepers must not both remove: the second would take away the
 * lock the first has just won. So sweeping has a lock of its own, held for the look and the removal only.
 */
async function sweep(path: string, mine: Owner, isLocal: boolean): Promise<void> {
  const guard = `${path}.sweep`
  if (!(await claim(guard, mine))) {
    const sweeper = await readOwner(guard)
    if (sweeper === undefined || (sweeper !== 'unreadable' && (await isAlive(sweeper, isLocal)))) return
    await fs.rm(guard, { force: true })
    return
  }
  try {
    const holder = await readOwner(path)
    if (holder === undefined) return
    if (holder === 'unreadable' || !(await isAlive(holder, isLocal))) await fs.rm(path, { force: true })
  } finally {
    await fs.rm(guard, { force: true })
  }
}

async function release(path: string, mine: Owner): Promise<void> {
  const holder = await readOwner(path)
  if (holder !== undefined && holder !== 'unreadable' && holder.nonce === mine.nonce) await fs.rm(path, { force: true })
}

async function makeOwner(): Promise<Owner> {
  return {
    pid: process.pid,
    computer: hostname(),
    startTicks: (await readProcess(process.pid)).startTicks,
    boot: await readBoot(),
    nonce: makeNonce(),
  }
}

async function readOwner(path: string): Promise<Owner | 'unreadable' | undefined> {
  const text = await readTextFile(path, 4096)
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && 'pid' in value && typeof value.pid === 'number') {
      return { computer: '', startTicks: 0, boot: '', nonce: '', ...value, pid: value.pid }
    }
  } catch {
    // Half a lock file comes from a computer that lost power: nobody holds it.
  }
  return 'unreadable'
}

async function isAlive(owner: Owner, isLocal: boolean): Promise<boolean> {
  // Another computer on a shared disk: its processes cannot be seen from here.
  if (owner.computer !== hostname()) return !isLocal
  if (owner.boot !== (await readBoot())) return false
  try {
    process.kill(owner.pid, 0)
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false
  }
  const { state, startTicks } = await readProcess(owner.pid)
  // Ended, and kept by a parent that does not ask for it, as the first process of many containers.
  if (state === 'Z' || state === 'X') return false
  return owner.startTicks === 0 || startTicks === 0 || startTicks === owner.startTicks
}

/** Of a system that does not tell: no state, and 0. */
async function readProcess(pid: number): Promise<{ readonly state: string; readonly startTicks: number }> {
  const stat = parseStat(await fs.readFile(`/proc/${pid}/stat`, 'latin1').catch(() => ''))
  return { state: stat?.state ?? '', startTicks: Number(stat?.startTicks ?? 0) || 0 }
}

async function readBoot(): Promise<string> {
  return (await fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim()
}
