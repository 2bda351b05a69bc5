import { randomBytes } from 'node:crypto'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import { joinSignals } from '../../io/join-signals.ts'
import type { Engine } from '../../engine/engine.ts'
import { LabelsDropped, LockVolumes, NameTaken } from './lock-volumes.ts'
import type { LockRow } from './lock-volumes.ts'
import { describeSelf, isKnownDead, renderOwner } from './owner.ts'

/** How the lock of a project is taken. */
export interface ProjectLockOptions extends CallOptions {
  readonly clock: Clock
  /** What is being done: `docker-compose up`. */
  readonly command: string
  /** Longest wait for another holder, milliseconds; absent: no limit, 0: not at all. */
  readonly timeoutMs?: number
  /** Told once who is waited for, and of a lock that could not be taken at all. */
  readonly warn: (message: string) => void
  /** Whether the endpoint is a fleet, for those who know it. */
  readonly isFleet?: () => Promise<boolean>
}

/** A holder renews its lock this often. */
const renewMs = 10_000
/** After a renewal that failed the next one is tried so much later. */
const retryMs = 2000
/** A holder that could not renew for so long gives up, well before others take over. */
const holdMs = 25_000
/** A lock that nobody has renewed for so long, by the clock of the one who waits, belongs to nobody. */
const staleMs = 35_000
const pollMs = 300
/** So many numbers are passed over whose volumes stand for no lock. */
const strayLimit = 8

/** Locks that this process has let go of: one whose volume could not be removed holds up nobody here. */
const letGo = new Set<string>()

/**
 * Runs the body while no other client of the engine, on whatever computer, runs one for the same project.
 *
 * The lock is a volume with a number. Renewing it, and taking it from a holder that is gone, is making the volume of the
 * next number, which only one can. The body's signal is aborted when the lock was lost, or could not be renewed so long
 * that it soon counts as left.
 *
 * @throws {compose/locked} naming the holder when it does not let go in time, and when the lock was lost meanwhile
 */
export async function withProjectLock<T>(
  engine: Engine,
  project: string,
  o: ProjectLockOptions,
  body: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const lock = new ProjectLock(engine, project, o)
  let isHeld = false
  try {
    isHeld = await lock.acquire()
  } finally {
    if (!isHeld) await lock.release()
  }
  if (!isHeld) return body(o.signal)
  const over = new AbortController()
  const lost = new AbortController()
  const renewing = lock.keep(over.signal, lost)
  try {
    return await body(joinSignals(o.signal, lost.signal))
  } catch (error) {
    if (lost.signal.aborted && o.signal?.aborted !== true) throw lost.signal.reason
    throw error
  } finally {
    over.abort()
    await renewing
    await lock.release()
  }
}

/** Whether there is a lock whose holder is known to be gone. */
export async function isLockLeft(engine: Engine, project: string, o: CallOptions): Promise<boolean> {
  const top = (await new LockVolumes(engine, project).list(o)).at(-1)
  return top?.owner !== undefined && isKnownDead(top.owner)
}

class ProjectLock {
  readonly #volumes: LockVolumes
  readonly #project: string
  readonly #options: ProjectLockOptions
  readonly #nonce = randomBytes(8).toString('hex')
  #sequence = 0

  constructor(engine: Engine, project: string, o: ProjectLockOptions) {
    this.#volumes = new LockVolumes(engine, project, o.isFleet)
    this.#project = project
    this.#options = o
  }

  /** @returns false when the engine takes no lock: what is to be done is done without */
  async acquire(): Promise<boolean> {
    const { clock, signal, timeoutMs = Number.POSITIVE_INFINITY, warn } = this.#options
    const startMs = clock.monotonicMs()
    let seen: { readonly key: string; readonly sinceMs: number } | undefined
    let isTold = false
    try {
      for (;;) {
        const rows = await this.#volumes.list(this.#call())
        const top = rows.at(-1)
        const key = `${top?.sequence ?? ''} ${top?.owner?.nonce ?? ''}`
        if (seen?.key !== key) seen = { key, sinceMs: clock.monotonicMs() }
        const isFree =
          top === undefined ||
          clock.monotonicMs() - seen.sinceMs >= staleMs ||
          (top.owner !== undefined && (letGo.has(top.owner.nonce) || (await isKnownDead(top.owner))))
        if (isFree && (await this.#claimFrom((top?.sequence ?? 0) + 1, this.#call(), rows))) return true
        if (!isFree) {
          const holder = top.owner === undefined ? 'an unknown holder' : renderOwner(top.owner)
          if (clock.monotonicMs() - startMs >= timeoutMs) throw this.#refuse(holder, top.name)
          if (!isTold) warn(`waiting for the lock of project "${this.#project}": held by ${holder}`)
          isTold = true
        }
        // Those who were in each other's way come back at different moments.
        await clock.sleep(isFree ? Number.parseInt(this.#nonce.slice(0, 2), 16) : pollMs, signal)
      }
    } catch (error) {
      if (!isRefusal(error)) throw error
      warn(`project "${this.#project}" is not locked: ${error.message}`)
      return false
    }
  }

  /** Renews until told to stop. */
  async keep(over: AbortSignal, lost: AbortController): Promise<void> {
    const { clock, warn } = this.#options
    let renewedMs = clock.monotonicMs()
    let pauseMs = renewMs
    for (;;) {
      try {
        await clock.sleep(pauseMs, over)
      } catch {
        return
      }
      const nowMs = clock.monotonicMs()
      try {
        const deadlineMs = Math.max(1, Math.round(holdMs - (nowMs - renewedMs)))
        if (!(await this.#claimFrom(this.#sequence + 1, { signal: over, deadlineMs }))) {
          lost.abort(this.#toLoss('was taken by another process'))
          return
        }
        renewedMs = nowMs
        pauseMs = renewMs
      } catch (error) {
        if (over.aborted) return
        if (clock.monotonicMs() - renewedMs >= holdMs) {
          lost.abort(this.#toLoss(`could not be renewed for ${holdMs / 1000}s: ${toMessage(error)}`))
          return
        }
        // One missed renewal does no harm: several fit into the time after which a lock counts as left.
        if (pauseMs === renewMs) warn(`the lock of project "${this.#project}" was not renewed: ${toMessage(error)}`)
        pauseMs = retryMs
      }
    }
  }

  async release(): Promise<void> {
    letGo.add(this.#nonce)
    await this.#volumes.removeMade()
  }

  /**
   * Takes the lock of this number, or of the next one whose name can be had: for everybody it is the same one.
   *
   * @param judged those that were there when it was found free: somebody may have taken it since, have ended, and numbers
   *   have begun anew. Absent for who has it
   */
  async #claimFrom(first: number, o: CallOptions, judged?: readonly LockRow[]): Promise<boolean> {
    for (let sequence = first; ; sequence += 1) {
      try {
        return await this.#claim(sequence, o, judged)
      } catch (error) {
        if (!(error instanceof NameTaken) || sequence - first >= strayLimit) throw error
        this.#options.warn(`${error.message}; ${error.hint ?? ''}`)
      }
    }
  }

  /** Takes the lock of this number, unless somebody else has it or a higher one by now. */
  async #claim(sequence: number, o: CallOptions, judged?: readonly LockRow[]): Promise<boolean> {
    const { clock, command } = this.#options
    const owner = await describeSelf(command, this.#nonce, clock.nowMs())
    if (!(await this.#volumes.make(sequence, owner, o))) return false
    const rows = await this.#volumes.list(o)
    const others = rows.filter((row) => row.owner?.nonce !== this.#nonce)
    if (others.some((row) => row.sequence >= sequence || (judged !== undefined && !includesRow(judged, row)))) {
      await this.#volumes.removeMade(sequence)
      return false
    }
    const before = this.#sequence
    this.#sequence = sequence
    const older = rows.filter((row) => row.sequence < sequence && row.sequence !== before)
    await Promise.all([this.#volumes.removeMade(before), ...older.map((row) => this.#volumes.remove(row.name))])
    return true
  }

  #call(): CallOptions {
    const { signal, deadlineMs } = this.#options
    return { ...(signal !== undefined && { signal }), ...(deadlineMs !== undefined && { deadlineMs }) }
  }

  #refuse(holder: string, name: string): FlotillaError {
    return new FlotillaError('compose/locked', `project "${this.#project}" is in use by ${holder}`, {
      hint: `wait until it has finished, or raise --lock-timeout; if you know it is gone: docker volume rm ${name}`,
    })
  }

  #toLoss(reason: string): FlotillaError {
    return new FlotillaError('compose/locked', `the lock of project "${this.#project}" ${reason}; nothing more is done`)
  }
}

function includesRow(rows: readonly LockRow[], { name, owner }: LockRow): boolean {
  return rows.some((row) => row.name === name && row.owner?.nonce === owner?.nonce)
}

/** Some engines and proxies before them forbid making volumes, or take their labels off: that is no reason to do nothing. */
function isRefusal(error: unknown): error is FlotillaError {
  if (error instanceof LabelsDropped) return true
  return isFlotillaError(error) && [401, 403, 404, 405, 501].includes(error.status ?? 0)
}
