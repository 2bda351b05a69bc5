import type { Random } from '../../core/clock.ts'
import type { Api } from '../api/call.ts'
import type { Cluster } from '../cluster.ts'
import type { NodeView } from '../model.ts'
import type { RecordBook } from './book.ts'
import { compareNeed, findDamping, judge, settleHistory } from './decide.ts'
import type { Verdict } from './decide.ts'
import { giveNameBack } from './give-name-back.ts'
import { noteOutcome } from './note-outcome.ts'
import { Pacing } from './pacing.ts'
import type { ContainerRecord, MoveKind } from './record.ts'
import { relocate } from './relocate.ts'
import { Retries } from './retries.ts'
import type { WorldView } from './world-view.ts'

export interface MovesOptions {
  readonly cluster: Cluster
  /** Asked for only when a move begins. */
  api(): Api
  readonly book: RecordBook
  readonly view: WorldView
  readonly random: Random
  /** Containers with local volumes are made anew without their data. */
  readonly isVolumeLossAllowed: boolean
  /** Fires when the manager ends. */
  readonly signal: AbortSignal
  /** Another manager has written, or leads: the records have to be read again. */
  onOutdated(): void
  /** A move has ended for now. */
  onEnd(): void
}

/** A move as operators see it. */
export interface MoveView {
  readonly record: ContainerRecord
  readonly kind: MoveKind
  readonly isUnderWay: boolean
  /** Why it has not happened yet; empty when it has not been tried. */
  readonly why: string
  /** Until it is tried again. */
  readonly waitMs: number
}

/** Moves at the same time, over all engines. */
const parallelMoves = 16
/** Moves looked at in one tick; each may cost one placement. */
const maxPerTick = 256
const pacedMs = 2000
const dampedMs = 30_000

/** Carries out what `decide.ts` says of the recorded containers: begins their moves, so many at a time, and tries again. */
export class Moves {
  readonly #o: MovesOptions
  readonly retries: Retries
  readonly #pacing = new Pacing()
  readonly #busy = new Set<string>()
  /** Nodes whose recorded containers all stay, by engine ID. */
  readonly #quiet = new Map<string, NodeView>()
  /** Of the leadership under which the records were read. */
  #term = 0

  constructor(options: MovesOptions) {
    this.#o = options
    this.retries = new Retries(options.cluster.clock, options.random)
  }

  /** The records have been read. What was found out under an earlier leadership says nothing about now. */
  startOver(term: number): void {
    this.#term = term
    this.retries.clear()
    this.#quiet.clear()
  }

  /** A move of it is under way. */
  isBusy(swarmId: string): boolean {
    return this.#busy.has(swarmId)
  }

  /** A record of this engine has changed, though the engine has not. */
  lookAgain(engineId: string): void {
    this.#quiet.delete(engineId)
  }

  /** Every container that is to be moved, or would be if it could. */
  list(): readonly MoveView[] {
    const world = this.#o.view.read()
    const views: MoveView[] = []
    for (const record of this.#o.book.all()) {
      const verdict = judge(record, world)
      if (verdict.kind === 'hold') views.push(toHeld(record, verdict.why))
      if (verdict.kind !== 'move') continue
      views.push({
        record,
        kind: verdict.move,
        isUnderWay: this.#busy.has(record.swarmId),
        why: this.retries.get(record.swarmId)?.why ?? '',
        waitMs: this.retries.leftMs(record.swarmId),
      })
    }
    return views.sort((a, b) => compareNeed(a.record, b.record))
  }

  /** Begins what is due. Called about once a second while this manager leads. */
  async begin(): Promise<void> {
    const { clock } = this.#o.cluster
    const { book } = this.#o
    const due = await this.#findDue()
    if (due.length > 0) this.#pacing.keepOnly(new Set(this.#o.cluster.snapshot().nodes.map((each) => each.engineId)))
    const ready = due.filter((record) => this.retries.isDue(record.swarmId)).sort(compareNeed)
    for (const record of ready.slice(0, maxPerTick)) {
      if (this.#busy.size >= parallelMoves) return
      // Written since it was looked at: the next look sees what it has become.
      if (book.get(record.swarmId) !== record || this.#busy.has(record.swarmId)) continue
      const damping = record.move?.kind === 'failure' ? findDamping(record.history, clock.nowMs()) : undefined
      if (damping !== undefined && record.move?.target === undefined) {
        const history = settleHistory(record.history, clock.nowMs())
        if (history !== record.history) await this.#put({ ...record, history })
        this.#tell(
          record,
          damping,
          this.retries.postpone(record.swarmId, damping, dampedMs, record.move?.attempts ?? 0),
        )
        continue
      }
      this.#beginOne(record)
    }
  }

  async #findDue(): Promise<readonly ContainerRecord[]> {
    const { book, view } = this.#o
    const due: ContainerRecord[] = []
    for (const engineId of Array.from(book.engineIds())) {
      // What was written about the engines before may have taken its time.
      const world = view.read()
      const node = world.nodeOf(engineId)
      // Where nothing has changed and all stay, all stay.
      if (node !== undefined && this.#quiet.get(engineId) === node) continue
      let isQuiet = node?.health.state === 'healthy'
      for (const { swarmId } of book.ofEngine(engineId)) {
        // Each step waits for the store: what has been moved meanwhile must not be judged by where it was.
        const record = book.get(swarmId)
        if (record?.home.engineId !== engineId || this.#busy.has(swarmId)) {
          isQuiet = false
          continue
        }
        const verdict = judge(record, world)
        if (verdict.kind !== 'stay') isQuiet = false
        if (verdict.kind === 'move') due.push(await this.#noteMove(record, verdict.move))
        else if (verdict.kind !== 'stay' && verdict.kind !== 'hold') await this.#settle(record, verdict)
      }
      if (isQuiet && node !== undefined) this.#quiet.set(engineId, node)
      else this.#quiet.delete(engineId)
    }
    return due
  }

  /** The reason of a move is on record before anything is done about it. */
  async #noteMove(record: ContainerRecord, kind: MoveKind): Promise<ContainerRecord> {
    if (record.move !== undefined && record.move.kind === kind) return record
    const sinceMs = this.#o.cluster.clock.nowMs()
    const move = { target: undefined, wanted: '', attempts: 0, ...record.move, kind, sinceMs }
    const next = { ...record, move: kind === 'rebalance' ? move : { ...move, wanted: '' } }
    this.retries.forget(record.swarmId)
    await this.#put(next)
    return next
  }

  async #settle(
    record: ContainerRecord,
    verdict: Exclude<Verdict, { readonly kind: 'stay' | 'hold' | 'move' }>,
  ): Promise<void> {
    const { home, swarmId } = record
    if (verdict.kind === 'rename') return giveNameBack(this.#o.api(), this.retries, record)
    this.retries.forget(swarmId)
    if (verdict.kind === 'forget') {
      if (!(await this.#o.book.forget(record))) this.#o.onOutdated()
    } else {
      this.#o.cluster.log.info(`Container ${home.containerId} stays on ${home.node}: ${verdict.why}`)
      await this.#put({ ...record, move: undefined })
    }
  }

  async #put(record: ContainerRecord): Promise<void> {
    if (!(await this.#o.book.put(record))) this.#o.onOutdated()
  }

  #beginOne(record: ContainerRecord): void {
    const { swarmId } = record
    this.#busy.add(swarmId)
    const { book, isVolumeLossAllowed, signal } = this.#o
    const context = { api: this.#o.api(), book, pacing: this.#pacing, isVolumeLossAllowed, term: this.#term, signal }
    void relocate(context, record).then((outcome) => {
      this.#busy.delete(swarmId)
      noteOutcome(context.api.audit, record, outcome, book.get(swarmId)?.home, this.retries.get(swarmId)?.why)
      if (outcome.kind === 'done') this.retries.forget(swarmId)
      else if (outcome.kind === 'abandoned') this.#o.onOutdated()
      else {
        const { why, isPaced } = outcome
        const isNews = isPaced ? this.retries.postpone(swarmId, why, pacedMs) : this.retries.fail(swarmId, why)
        this.#tell(record, why, isNews)
      }
      this.#o.onEnd()
    })
  }

  #tell({ home }: ContainerRecord, why: string, isNews: boolean): void {
    if (isNews) this.#o.cluster.log.error(`Failed to reschedule container ${home.containerId}: ${why}`)
  }
}

function toHeld(record: ContainerRecord, why: string): MoveView {
  return { record, kind: record.move?.kind ?? 'failure', isUnderWay: false, why, waitMs: 0 }
}
