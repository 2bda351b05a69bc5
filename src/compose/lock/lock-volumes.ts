import { randomBytes } from 'node:crypto'
import type { CallOptions } from '../../core/call.ts'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import { callForShape, callForStatus, escapeSegment } from '../../engine/api/call.ts'
import { nodeRows, versions } from '../../engine/api/shapes.ts'
import { createVolume, listVolumes } from '../../engine/api/volumes.ts'
import type { Engine } from '../../engine/engine.ts'
import { parseOwner } from './owner.ts'
import type { LockOwner } from './owner.ts'

/** One volume that stands for the lock. */
export interface LockRow {
  /** As `docker volume rm` takes it. */
  readonly name: string
  readonly sequence: number
  readonly owner: LockOwner | undefined
}

const projectLabel = 'flotilla.lock.project'
const ownerLabel = 'flotilla.lock.owner'
const sequenceLabel = 'flotilla.lock.sequence'

/** Nodes of a fleet that carry a lock. Two clients are kept apart as long as they both see one of the same three. */
const placeCount = 3
/** A node that does not answer is passed over. */
const placeCallMs = 10_000

/** An engine, or a proxy before it, drops what tells whose a lock is. */
export class LabelsDropped extends FlotillaError {
  constructor() {
    super('engine/protocol', 'the engine does not keep the labels of volumes')
  }
}

/**
 * A volume of a lock's name stands for none and will never be removed: somebody's own, or one whose engine died while it made
 * it and has lost its labels.
 */
export class NameTaken extends FlotillaError {
  constructor(project: string, volume: string) {
    super(
      'compose/locked',
      `volume "${volume}" is in the way of the lock of project "${project}": it stands for no lock`,
      {
        hint: `remove it: docker volume rm ${volume}`,
      },
    )
  }
}

/**
 * The volumes that stand for the lock of one project: on one engine one of each number, on a fleet one on each of the
 * first nodes by name that are healthy.
 *
 * An engine makes a volume of a name once, and answers later attempts with the first one and its labels.
 */
export class LockVolumes {
  readonly #engine: Engine
  readonly #project: string
  /** Number → where its volumes were made. */
  readonly #made = new Map<number, readonly string[]>()
  readonly #knowsFleet: (() => Promise<boolean>) | undefined
  #isFleet: boolean | undefined

  constructor(engine: Engine, project: string, knowsFleet?: () => Promise<boolean>) {
    this.#engine = engine
    this.#project = project
    this.#knowsFleet = knowsFleet
  }

  /** Lowest number first; on a fleet those of nodes that do not answer too, as far as they are remembered. */
  async list(o: CallOptions): Promise<readonly LockRow[]> {
    const filters = { label: [`${projectLabel}=${this.#project}`] }
    const { Volumes: volumes } = await listVolumes(this.#engine, { filters }, o)
    return (volumes ?? [])
      .flatMap(({ Name: name, Labels: labels }) => {
        const sequence = this.#readSequence(name)
        return sequence === undefined ? [] : [{ name, sequence, owner: parseOwner(labels?.[ownerLabel]) }]
      })
      .sort((a, b) => a.sequence - b.sequence)
  }

  /**
   * The number a volume stands for, by its name, which only one can have. Others may carry the labels: with data in them,
   * or with numbers after which there is none.
   */
  #readSequence(name: string): number | undefined {
    const own = name.slice(name.lastIndexOf('/') + 1)
    const start = this.#nameOf('')
    const digits = own.startsWith(start) ? own.slice(start.length) : ''
    return /^\d{1,15}$/.test(digits) ? Number(digits) : undefined
  }

  /**
   * Makes the volumes of a number, in the same order as everybody else.
   *
   * @returns false when one of them is somebody else's; then none is left behind
   * @throws {@link NameTaken}; then none is left behind either
   * @throws what the engine said when none could be made, and {@link LabelsDropped}
   */
  async make(sequence: number, owner: LockOwner, o: CallOptions): Promise<boolean> {
    const places = await this.#places(o)
    // Until it is known which were made, all may have been.
    this.#made.set(sequence, places)
    const made: string[] = []
    let failure: unknown
    for (const place of places) {
      try {
        if (await this.#makeAt(place, sequence, owner, o)) {
          made.push(place)
          continue
        }
      } catch (error) {
        if (error instanceof NameTaken) {
          // What is somebody else's is not to be removed with the rest.
          this.#made.set(sequence, made)
          await this.removeMade(sequence)
          throw error
        }
        if (places.length === 1 || o.signal?.aborted === true) throw error
        failure ??= error
        continue
      }
      this.#made.set(sequence, made)
      await this.removeMade(sequence)
      return false
    }
    if (made.length === 0) throw failure
    this.#made.set(sequence, made)
    return true
  }

  /** Removes what was made of a number, or of all. */
  async removeMade(sequence?: number): Promise<void> {
    const removals: Promise<void>[] = []
    for (const [number, places] of this.#made) {
      if (sequence !== undefined && number !== sequence) continue
      // At once: a place that does not answer holds up no other, nor the end of the program longer than one call may take.
      removals.push(...places.map((place) => this.remove(`${place}${this.#nameOf(number)}`)))
      this.#made.delete(number)
    }
    await Promise.all(removals)
  }

  /** Removes a volume; on a fleet a bare name means those of all nodes. */
  async remove(name: string): Promise<void> {
    try {
      const path = `/volumes/${name.split('/').map(escapeSegment).join('/')}`
      // Without a signal: a lock is let go of after Ctrl-C too.
      await callForStatus(this.#engine, { method: 'DELETE', path }, { deadlineMs: placeCallMs })
    } catch (error) {
      if (!isFlotillaError(error)) throw error
      // Gone already, or the engine is: then it lapses.
    }
  }

  #nameOf(sequence: number | ''): string {
    return `flotilla-lock_${this.#project}_${sequence}`
  }

  async #makeAt(place: string, sequence: number, owner: LockOwner, o: CallOptions): Promise<boolean> {
    const body = {
      Name: `${place}${this.#nameOf(sequence)}`,
      Labels: {
        [projectLabel]: this.#project,
        [sequenceLabel]: String(sequence),
        [ownerLabel]: JSON.stringify(owner),
      },
    }
    const deadlineMs = Math.min(o.deadlineMs ?? Number.POSITIVE_INFINITY, placeCallMs)
    const made = await createVolume(this.#engine, body, place === '' ? o : { ...o, deadlineMs })
    if (made.Labels?.[projectLabel] === this.#project) {
      return parseOwner(made.Labels[ownerLabel])?.nonce === owner.nonce
    }
    // The answer may be all that lacks them.
    const row = (await this.list(o)).find(({ name }) => name === body.Name)
    if (row !== undefined) return row.owner?.nonce === owner.nonce
    if (!(await this.#keepsLabels(place, o))) throw new LabelsDropped()
    throw new NameTaken(this.#project, body.Name)
  }

  /** Tried with a volume of a name that stands for no lock and that nobody else has. */
  async #keepsLabels(place: string, o: CallOptions): Promise<boolean> {
    const name = `${place}${this.#nameOf('')}${randomBytes(8).toString('hex')}`
    const made = await createVolume(this.#engine, { Name: name, Labels: { [projectLabel]: this.#project } }, o)
    await this.remove(name)
    return made.Labels?.[projectLabel] === this.#project
  }

  /** What is put before names: nothing on one engine, `node/` on a fleet, where a bare name is made on every node. */
  async #places(o: CallOptions): Promise<readonly string[]> {
    if (!(await this.#asksFleet(o))) return ['']
    try {
      const nodes = await callForShape<readonly { readonly Name?: string; readonly State?: string }[]>(
        this.#engine,
        { method: 'GET', path: '/flotilla/nodes', unversioned: true },
        nodeRows,
        o,
      )
      const healthy = nodes.filter((node) => node.State === 'healthy')
      const names = healthy.map((node) => node.Name ?? '').filter((name) => name !== '')
      const places = names.sort().slice(0, placeCount)
      return places.length === 0 ? [''] : places.map((name) => `${name}/`)
    } catch (error) {
      // Classic Swarm does not list its nodes.
      if (isFlotillaError(error) && error.status === 404) return ['']
      throw error
    }
  }

  async #asksFleet(o: CallOptions): Promise<boolean> {
    this.#isFleet ??= await this.#knowsFleet?.()
    if (this.#isFleet !== undefined) return this.#isFleet
    const version = await callForShape<{ readonly Version?: string }>(
      this.#engine,
      { method: 'GET', path: '/version' },
      versions,
      o,
    )
    this.#isFleet = version.Version?.startsWith('swarm/') === true
    return this.#isFleet
  }
}
