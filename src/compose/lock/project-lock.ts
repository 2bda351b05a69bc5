import { randomBytes } from 'node:crypto'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import { callForJson } from '../../engine/api/call.ts'
import { createVolume, listVolumes, removeVolume } from '../../engine/api/volumes.ts'
import type { Engine } from '../../engine/engine.ts'
import { describeSelf, isKnownDead, parseOwner, renderOwner } from './owner.ts'
import type { LockOwner } from './owner.ts'

/** How the lock of a project is taken. */
export interface ProjectLockOptions extends CallOptions {
  readonly clock: Clock
  /** What is being done: `docker-compose up`. */
  readonly command: string
  /** Longest wait for another holder, milliseconds; absent: no limit, 0: not at all. */
  readonly timeoutMs?: number
  /** Told once who is waited for, and of a lock that could not be taken at all. */
  readonly warn: (message: string) => void
}

const projectLabel = 'flotilla.lock.project'
const ownerLabel = 'flotilla.lock.owner'
const sequenceLabel = 'flotilla.lock.sequence'

/** A holder renews its lock this often. */
const renewMs = 10_000
/** A lock that nobody has renewed for so long, by the clock of the one who waits, belongs to nobody. */
const staleMs = 35_000
const pollMs = 300

/** One volume that stands for the lock. */
interface LockRow {
  readonly name: string
  readonly sequence: number
  readonly owner: LockOwner | undefined
}

/**
 * Runs the body while no other client of the engine, on whatever computer, runs one for the same project.
 *
 * The lock is a volume: an engine makes a volume of a name once, and answers later attempts with the first one and its
 * labels. Renewing it, and taking it from a holder that is gone, is making the volume of the next number, which only one
 * can. The body's signal is aborted when the lock was lost.
 *
 * @throws {compose/locked} naming the holder when it does not let go in time
 */
export async function withProjectLock<T>(
  engine: Engine,
  project: string,
  o: ProjectLockOptions,
  body: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const lock = new ProjectLock(engine, project, o)
  if (!(await lock.acquire())) return body(o.signal)
  const over = new AbortController()
  const lost = new AbortController()
  const renewing = lock.keep(over.signal, lost)
  try {
    return await body(o.signal === undefined ? lost.signal : AbortSignal.any([o.signal, lost.signal]))
  } finally {
    over.abort()
    await renewing
    await lock.release()
  }
}

class ProjectLock {
  readonly #engine: Engine
  readonly #project: string
  readonly #options: ProjectLockOptions
  readonly #nonce = randomBytes(8).toString('hex')
  #sequence = 0
  #prefix = ''

  constructor(engine: Engine, project: string, o: ProjectLockOptions) {
    this.#engine = engine
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
      this.#prefix = await findNodePrefix(this.#engine, this.#call())
      for (;;) {
        const top = (await this.#list()).at(-1)
        const key = `${top?.name ?? ''} ${top?.owner?.nonce ?? ''}`
        if (seen?.key !== key) seen = { key, sinceMs: clock.monotonicMs() }
        const isFree =
          top === undefined ||
          clock.monotonicMs() - seen.sinceMs >= staleMs ||
          (top.owner !== undefined && (await isKnownDead(top.owner)))
        if (isFree && (await this.#claim((top?.sequence ?? 0) + 1))) return true
        if (isFree) continue
        const holder = top.owner === undefined ? 'an unknown holder' : renderOwner(top.owner)
        if (clock.monotonicMs() - startMs >= timeoutMs) throw this.#refuse(holder, top.name)
        if (!isTold) warn(`waiting for the lock of project "${this.#project}": held by ${holder}`)
        isTold = true
        await clock.sleep(pollMs, signal)
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
    for (;;) {
      try {
        await clock.sleep(renewMs, over)
      } catch {
        return
      }
      try {
        if (await this.#renew()) continue
        const message = `the lock of project "${this.#project}" was taken by another process; nothing more is done`
        lost.abort(new FlotillaError('compose/locked', message))
        return
      } catch (error) {
        // One missed renewal does no harm: three fit into the time after which a lock counts as left.
        warn(`the lock of project "${this.#project}" was not renewed: ${error instanceof Error ? error.message : ''}`)
      }
    }
  }

  async release(): Promise<void> {
    await this.#remove(this.#name(this.#sequence))
  }

  async #renew(): Promise<boolean> {
    const before = this.#sequence
    if (!(await this.#make(before + 1))) return false
    this.#sequence = before + 1
    await this.#remove(this.#name(before))
    return true
  }

  /** Takes the lock of this number, if nobody is faster, or holds a higher one by now. */
  async #claim(sequence: number): Promise<boolean> {
    if (!(await this.#make(sequence))) return false
    const rows = await this.#list()
    if ((rows.at(-1)?.sequence ?? 0) > sequence) {
      await this.#remove(this.#name(sequence))
      return false
    }
    this.#sequence = sequence
    for (const row of rows) if (row.sequence < sequence) await this.#remove(row.name)
    return true
  }

  /** @returns whether the volume is ours: an engine answers with the one that is there */
  async #make(sequence: number): Promise<boolean> {
    const { clock, command } = this.#options
    const owner = await describeSelf(command, this.#nonce, clock.nowMs())
    const made = await createVolume(
      this.#engine,
      {
        Name: `${this.#prefix}${this.#name(sequence)}`,
        Labels: {
          [projectLabel]: this.#project,
          [sequenceLabel]: String(sequence),
          [ownerLabel]: JSON.stringify(owner),
        },
      },
      this.#call(),
    )
    return parseOwner(made.Labels?.[ownerLabel])?.nonce === this.#nonce
  }

  /** Lowest number first. */
  async #list(): Promise<readonly LockRow[]> {
    const filters = { label: [`${projectLabel}=${this.#project}`] }
    const { Volumes: volumes } = await listVolumes(this.#engine, { filters }, this.#call())
    return (volumes ?? [])
      .map(({ Name: name, Labels: labels }) => ({
        name: name.split('/').at(-1) ?? name,
        sequence: Number(labels?.[sequenceLabel] ?? 0) || 0,
        owner: parseOwner(labels?.[ownerLabel]),
      }))
      .sort((a, b) => a.sequence - b.sequence)
  }

  async #remove(name: string): Promise<void> {
    try {
      // Without the signal: a lock is let go of after Ctrl-C too.
      await removeVolume(this.#engine, name, {}, { deadlineMs: 10_000 })
    } catch (error) {
      if (!isFlotillaError(error)) throw error
      // Gone already, or the engine is: then it lapses.
    }
  }

  #name(sequence: number): string {
    return `flotilla-lock_${this.#project}_${sequence}`
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
}

/** Some engines and proxies before them forbid making volumes: that is no reason to do nothing. */
function isRefusal(error: unknown): error is FlotillaError {
  return isFlotillaError(error) && [401, 403, 404, 405, 501].includes(error.status ?? 0)
}

/** On a fleet a volume is made on every node. One node, the first by name, carries the locks of all projects. */
async function findNodePrefix(engine: Engine, o: CallOptions): Promise<string> {
  const version = await callForJson<{ readonly Version?: string }>(engine, { method: 'GET', path: '/version' }, o)
  if (version.Version?.startsWith('swarm/') !== true) return ''
  try {
    const path = '/flotilla/nodes'
    const nodes = await callForJson<readonly { readonly Name?: string; readonly State?: string }[]>(
      engine,
      { method: 'GET', path, unversioned: true },
      o,
    )
    const healthy = nodes.filter((node) => node.State === 'healthy')
    const names = healthy.map((node) => node.Name ?? '').filter((name) => name !== '')
    return names.length === 0 ? '' : `${names.sort()[0]}/`
  } catch (error) {
    if (isFlotillaError(error) && error.status === 404) return ''
    throw error
  }
}
