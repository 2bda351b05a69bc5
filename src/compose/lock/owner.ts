import { readlink } from 'node:fs/promises'
import { hostname, userInfo } from 'node:os'
import process from 'node:process'
import { isAlive, readBootId, readIdentity } from '../../io/process-identity.ts'

/** Who holds the lock of a project, as its label tells. */
export interface LockOwner {
  /** Tells two holders apart, whoever they are. */
  readonly nonce: string
  readonly user: string
  readonly computer: string
  readonly pid: number
  /** What is being done: `docker-compose up`. */
  readonly command: string
  /** RFC 3339, by the holder's clock: for people. */
  readonly since: string
  /** Where and when the process started; empty where that cannot be told. */
  readonly boot: string
  readonly startTicks: string
  /** Process numbers mean something only within one of these. */
  readonly pidSpace: string
}

export async function describeSelf(command: string, nonce: string, nowMs: number): Promise<LockOwner> {
  const identity = await readIdentity(process.pid)
  return {
    nonce,
    user: readUser(),
    computer: hostname(),
    pid: process.pid,
    command,
    since: new Date(nowMs).toISOString(),
    boot: identity?.bootId ?? '',
    startTicks: identity?.startTicks ?? '',
    pidSpace: await readPidSpace(),
  }
}

/**
 * True when the holder ran here and its process is gone. Of processes elsewhere nothing can be said, and computers of one
 * name are many: only a boot is this one's alone. What it held before its last start lapses.
 */
export async function isKnownDead(owner: LockOwner): Promise<boolean> {
  if (owner.computer !== hostname() || owner.boot === '' || owner.pidSpace === '') return false
  if (owner.boot !== (await readBootId().catch(() => ''))) return false
  if (owner.pidSpace !== (await readPidSpace())) return false
  return !(await isAlive({ pid: owner.pid, startTicks: owner.startTicks, bootId: owner.boot }))
}

/** For messages: `anna@build-7, process 4711, docker-compose up since 2026-03-01T10:00:00.000Z`. */
export function renderOwner({ user, computer, pid, command, since }: LockOwner): string {
  return `${user}@${computer}, process ${pid}, ${command} since ${since}`
}

/** @returns undefined for a label that is not ours to read */
export function parseOwner(text: string | undefined): LockOwner | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    if (typeof value !== 'object' || value === null) return undefined
    const read = (name: string): string => {
      const field: unknown = Reflect.get(value, name)
      return typeof field === 'string' ? field : ''
    }
    const pid: unknown = Reflect.get(value, 'pid')
    return {
      nonce: read('nonce'),
      user: read('user'),
      computer: read('computer'),
      pid: typeof pid === 'number' ? pid : 0,
      command: read('command'),
      since: read('since'),
      boot: read('boot'),
      startTicks: read('startTicks'),
      pidSpace: read('pidSpace'),
    }
  } catch {
    return undefined
  }
}

function readUser(): string {
  try {
    return userInfo().username
  } catch {
    // No entry for this user number, as in many containers.
    return String(process.getuid?.() ?? 'unknown')
  }
}

/** The kernel's name of our set of process numbers; empty outside Linux. */
function readPidSpace(): Promise<string> {
  return readlink('/proc/self/ns/pid').catch(() => '')
}
