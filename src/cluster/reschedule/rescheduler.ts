import { pauseUntilWoken } from '../../core/deadline.ts'
import { toMessage } from '../../core/errors.ts'
import type { Random } from '../../core/clock.ts'
import type { Api } from '../api/call.ts'
import type { Cluster } from '../cluster.ts'
import { isValidated } from '../model.ts'
import type { ContainerView, NodeMark, NodeView } from '../model.ts'
import { RecordBook } from './book.ts'
import { compareNeed, findDamping, isMissed, judge, retryDelayMs, settleHistory } from './decide.ts'
import type { Verdict } from './decide.ts'
import { EngineHands } from './engine-hands.ts'
import { GoneEngines } from './gone.ts'
import { Observers } from './observers.ts'
import type { Doubted, ObserversOptions } from './observers.ts'
import { Pacing } from './pacing.ts'
import { RecordKeeper } from './record-keeper.ts'
import type { ContainerRecord, MarkRecord, MoveKind } from './record.ts'
import type { RecordStore } from './record-store.ts'
import { relocate } from './relocate.ts'
import { Removals } from './removals.ts'
import { WorldView } from './world-view.ts'

export interface ReschedulerOptions {
  readonly cluster: Cluster
  /** Asked for from `start` on. */
  api(): Api
  readonly random: Random
  readonly store: RecordStore
  /** Containers with local volumes are made anew without their data, as classic Swarm did. */
  readonly isVolumeLossAllowed: boolean
  /** Who else is asked about engines that this manager does not reach. */
  readonly observers: Pick<ObserversOptions, 'role' | 'rule' | 'peers' | 'openManager'>
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

interface Waiting {
  readonly why: string
  readonly attempts: number
  /** Monotonic. */
  readonly nextMs: number
}

const tickMs = 1000
/** From so many engines on a look at all of them is not made for each that comes. */
const crowdSize = 50
/** Moves at the same time, over all engines. */
const parallelMoves = 16
/** Moves looked at in one tick; each may cost one placement. */
const maxPerTick = 256
const pacedMs = 2000
const loadRetryMs = 3000

/**
 * The hands of rescheduling: keeps the records of containers with a policy up to date, and carries out what `decide.ts`
 * says of them. Works only where this manager leads. Says nothing about what is to be done.
 */
export class Rescheduler {
  readonly #o: ReschedulerOptions
  readonly #book: RecordBook
  readonly #gone: GoneEngines
  /** What other managers know of engines that this one does not reach. */
  readonly observers: Observers
  readonly #pacing = new Pacing()
  readonly #stop = new AbortController()
  readonly #waiting = new Map<string, Waiting>()
  readonly #busy = new Set<string>()
  readonly #view: WorldView
  readonly #keeper: RecordKeeper
  readonly #removals = new Removals()
  /** Nodes whose recorded containers all stay, by engine ID. */
  readonly #quiet = new Map<string, NodeView>()
  #isLoaded = false
  /** Of the leadership under which the records were read. */
  #term = 0
  #wake: (() => void) | undefined

  constructor(options: ReschedulerOptions) {
    this.#o = options
    this.#book = new RecordBook(options.store, options.cluster.log)
    this.#gone = new GoneEngines(options.cluster)
    this.observers = new Observers({ ...options.observers, cluster: options.cluster, onAnswers: () => this.poke() })
    this.#view = new WorldView(options.cluster, this.#book, this.#gone, this.observers)
    this.#keeper = new RecordKeeper({
      cluster: options.cluster,
      api: () => this.#api,
      book: this.#book,
      isBusy: (swarmId) => this.#busy.has(swarmId),
    })
  }

  get #api(): Api {
    return this.#o.api()
  }

  start(): void {
    const api = this.#api
    const giveBackEvents = api.cluster.events.subscribeToOwn({
      hear: (event) => {
        // A node that comes may have room for what was refused before. How often it was is not forgotten: nodes come and go.
        if (event['Action'] !== 'engine_disconnect') this.#waitNoLonger()
        this.poke()
      },
    })
    const giveBackRole = api.role.onChange(() => {
      this.#isLoaded = false
      this.poke()
    })
    this.#stop.signal.addEventListener('abort', () => {
      giveBackEvents()
      giveBackRole()
    })
    void this.#run()
  }

  /** Starts nothing more; what engines were asked for already comes about or not, and the record tells. */
  close(): void {
    this.#stop.abort(new Error('the manager ends'))
    this.poke()
  }

  /** Looks again now: engines came or went, or an operator has spoken. */
  poke(): void {
    this.#wake?.()
  }

  /** A client has removed a container. */
  noteRemoved(container: ContainerView, engineId: string): void {
    if (this.#removals.note(this.#o.cluster, this.#isLoaded ? this.#book : undefined, container, engineId)) this.poke()
  }

  /**
   * A client removes a container whose engine has left: it is not made anew, and goes when the engine is back.
   *
   * @returns why not, for now
   */
  async forgetAway({ id, swarmId }: ContainerView): Promise<string | undefined> {
    if (!this.#isLoaded) return 'this manager cannot read its records yet'
    const record = this.#book.get(swarmId)
    if (record?.home.containerId !== id) return undefined
    if (this.#busy.has(swarmId)) return 'it is being made anew on another node'
    const { engineId, containerId } = record.home
    if (await this.#book.forget({ ...record, left: [...record.left, { engineId, containerId }] })) return undefined
    this.#isLoaded = false
    return 'it was changed through another manager'
  }

  // --- what the management routes ask ---

  get isReady(): boolean {
    return this.#isLoaded
  }

  markOf(engineId: string): MarkRecord | undefined {
    return this.#book.markOf(engineId)
  }

  /** @returns false when another manager has changed the mark meanwhile */
  async setMark(node: NodeView, mark: NodeMark, isForced: boolean): Promise<boolean> {
    const isWritten = await this.#book.putMark({ engineId: node.engineId, node: node.name, mark, isForced })
    if (isWritten) {
      this.#o.cluster.setMark(node.engineId, mark)
      this.#waiting.clear()
    } else this.#isLoaded = false
    this.poke()
    return isWritten
  }

  get isVolumeLossAllowed(): boolean {
    return this.#o.isVolumeLossAllowed
  }

  listRecords(): readonly ContainerRecord[] {
    return this.#book.all()
  }

  recordOf(swarmId: string): ContainerRecord | undefined {
    return this.#book.get(swarmId)
  }

  /** Asks for a container to be moved to a node. @returns false when it is on its way already */
  async request(record: ContainerRecord, wanted: string): Promise<boolean> {
    if (record.move !== undefined) return false
    const sinceMs = this.#api.cluster.clock.nowMs()
    const move = { kind: 'rebalance', target: undefined, wanted, attempts: 0, sinceMs } as const
    const isWritten = await this.#book.put({ ...record, move })
    this.#quiet.delete(record.home.engineId)
    this.poke()
    return isWritten
  }

  /** Every container that is to be moved, or would be if it could. */
  listMoves(): readonly MoveView[] {
    const world = this.#view.read()
    const nowMs = this.#api.cluster.clock.monotonicMs()
    const views: MoveView[] = []
    for (const record of this.#book.all()) {
      const verdict = judge(record, world)
      if (verdict.kind === 'hold') views.push(toHeld(record, verdict.why))
      if (verdict.kind !== 'move') continue
      const waiting = this.#waiting.get(record.swarmId)
      views.push({
        record,
        kind: verdict.move,
        isUnderWay: this.#busy.has(record.swarmId),
        why: waiting?.why ?? '',
        waitMs: Math.max(0, Math.round((waiting?.nextMs ?? nowMs) - nowMs)),
      })
    }
    return views.sort((a, b) => compareNeed(a.record, b.record))
  }

  // --- the loop ---

  async #run(): Promise<void> {
    const { clock, log } = this.#api.cluster
    const { signal } = this.#stop
    while (!signal.aborted) {
      let pauseMs = tickMs
      try {
        await this.#tick()
      } catch (error) {
        log.warn('rescheduling is held up', { error: toMessage(error) })
        pauseMs = loadRetryMs
      }
      if (!signal.aborted) {
        await pauseUntilWoken(clock, pauseMs, (wake) => {
          this.#wake = wake
        })
      }
      // Engines of a large fleet come and go in crowds: one look at all of them does for many.
      const { length } = this.#api.cluster.snapshot().nodes
      if (length >= crowdSize && !signal.aborted)
        await clock.sleep(Math.min(tickMs, length / 4), signal).catch(() => undefined)
    }
  }

  async #tick(): Promise<void> {
    const api = this.#api
    if (api.role.kind === 'replica') {
      this.#isLoaded = false
      return
    }
    if (!this.#isLoaded) await this.#load()
    // Until the records are read again, those at hand may be of an earlier term.
    if (!this.#isLoaded) return
    const isBusy = (swarmId: string): boolean => this.#busy.has(swarmId)
    const settled = await this.#removals.settle(this.#o.cluster, this.#book, isBusy)
    if (settled === undefined) {
      this.#isLoaded = false
      return
    }
    // What is left of them may be on nodes that answer.
    if (settled > 0) this.#keeper.forgetNodes()
    if (!(await this.#keeper.observe())) this.#isLoaded = false
    this.#askAboutGone()
    this.observers.look(this.#listDoubted())
    await this.#moveDue()
  }

  async #load(): Promise<void> {
    const { role } = this.#api
    const { term } = role
    if (!(await role.mayAct())) return
    await this.#book.load()
    if (role.kind === 'replica' || role.term !== term) return
    this.#term = term
    this.#gone.forgetAll()
    this.#waiting.clear()
    this.#quiet.clear()
    this.#keeper.forgetNodes()
    // Another manager may have taken marks back meanwhile.
    this.#o.cluster.replaceMarks(new Map(this.#book.marks().map(({ engineId, mark }) => [engineId, mark])))
    this.#isLoaded = true
  }

  #askAboutGone(): void {
    const world = this.#view.read()
    for (const engineId of this.#book.engineIds()) {
      const node = world.nodeOf(engineId)
      if (node !== undefined && isValidated(node)) {
        this.#gone.forget(engineId)
        continue
      }
      const [first] = this.#book.ofEngine(engineId)
      if (first !== undefined) this.#gone.doubt(engineId, first.home.addr, first.home.node)
    }
  }

  /** Engines that this manager would give up, and those it does not reach although nothing depends on it. */
  #listDoubted(): readonly Doubted[] {
    const world = this.#view.read()
    const doubted = new Map<string, Doubted>()
    for (const { engineId, addr, name: node, health } of this.#api.cluster.snapshot().nodes) {
      if (engineId !== '' && health.state === 'unhealthy')
        doubted.set(engineId, { engineId, addr, node, isUrgent: false })
    }
    for (const engineId of this.#book.engineIds()) {
      const home = this.#book.ofEngine(engineId)[0]?.home
      if (home !== undefined && isMissed(home, world)) doubted.set(engineId, { ...home, isUrgent: true })
    }
    return [...doubted.values()]
  }

  async #moveDue(): Promise<void> {
    const { clock } = this.#api.cluster
    const due: ContainerRecord[] = []
    for (const engineId of Array.from(this.#book.engineIds())) {
      // What was written about the engines before may have taken its time.
      const world = this.#view.read()
      const node = world.nodeOf(engineId)
      // Where nothing has changed and all stay, all stay.
      if (node !== undefined && this.#quiet.get(engineId) === node) continue
      let isQuiet = node?.health.state === 'healthy'
      for (const { swarmId } of this.#book.ofEngine(engineId)) {
        // Each step waits for the store: what has been moved meanwhile must not be judged by where it was.
        const record = this.#book.get(swarmId)
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
    const nowMs = clock.monotonicMs()
    if (due.length > 0) this.#pacing.keepOnly(new Set(this.#api.cluster.snapshot().nodes.map((each) => each.engineId)))
    const ready = due.filter((record) => (this.#waiting.get(record.swarmId)?.nextMs ?? 0) <= nowMs).sort(compareNeed)
    for (const record of ready.slice(0, maxPerTick)) {
      if (this.#busy.size >= parallelMoves) return
      // Written since it was looked at: the next look sees what it has become.
      if (this.#book.get(record.swarmId) !== record || this.#busy.has(record.swarmId)) continue
      const damping = record.move?.kind === 'failure' ? findDamping(record.history, clock.nowMs()) : undefined
      if (damping !== undefined && record.move?.target === undefined) {
        const history = settleHistory(record.history, clock.nowMs())
        if (history !== record.history && !(await this.#book.put({ ...record, history }))) this.#isLoaded = false
        this.#postpone(record, damping, tickMs * 30, record.move?.attempts ?? 0)
        continue
      }
      this.#begin(record)
    }
  }

  /** The reason of a move is on record before anything is done about it. */
  async #noteMove(record: ContainerRecord, kind: MoveKind): Promise<ContainerRecord> {
    if (record.move !== undefined && record.move.kind === kind) return record
    const sinceMs = this.#api.cluster.clock.nowMs()
    const move = { target: undefined, wanted: '', attempts: 0, ...record.move, kind, sinceMs }
    const next = { ...record, move: kind === 'rebalance' ? move : { ...move, wanted: '' } }
    this.#waiting.delete(record.swarmId)
    if (!(await this.#book.put(next))) this.#isLoaded = false
    return next
  }

  async #settle(
    record: ContainerRecord,
    verdict: Exclude<Verdict, { readonly kind: 'stay' | 'hold' | 'move' }>,
  ): Promise<void> {
    const { cluster } = this.#api
    const { home, swarmId } = record
    if (verdict.kind === 'rename') return this.#giveNameBack(record)
    this.#waiting.delete(swarmId)
    if (verdict.kind === 'forget') {
      if (!(await this.#book.forget(record))) this.#isLoaded = false
    } else {
      cluster.log.info(`Container ${home.containerId} stays on ${home.node}: ${verdict.why}`)
      if (!(await this.#book.put({ ...record, move: undefined }))) this.#isLoaded = false
    }
  }

  /** Somebody else may have got the name meanwhile: then it waits, ever longer, and tells so once. */
  async #giveNameBack(record: ContainerRecord): Promise<void> {
    const { cluster, role } = this.#api
    const { home, name, swarmId } = record
    const waiting = this.#waiting.get(swarmId)
    const member = cluster.member(home.addr)
    const isAlone = cluster.directory.containersOfSwarmId(swarmId).length === 1
    if (member === undefined || !isAlone || (waiting?.nextMs ?? 0) > cluster.clock.monotonicMs()) return
    if (!(await role.mayAct())) return
    let why = cluster.holdName(name, home.containerId)?.text
    if (why === undefined) {
      try {
        await new EngineHands(member, cluster.clock).rename(home.containerId, name)
      } catch (error) {
        why = toMessage(error)
      } finally {
        cluster.releaseName(name)
      }
    }
    if (why === undefined) {
      this.#waiting.delete(swarmId)
      return
    }
    const attempts = (waiting?.attempts ?? 0) + 1
    const nextMs = cluster.clock.monotonicMs() + retryDelayMs(attempts, this.#o.random.next())
    this.#waiting.set(swarmId, { why, attempts, nextMs })
    if (waiting?.why !== why)
      cluster.log.warn('cannot give a container its name back', { name, node: home.node, error: why })
  }

  #begin(record: ContainerRecord): void {
    const api = this.#api
    this.#busy.add(record.swarmId)
    const context = {
      api,
      book: this.#book,
      pacing: this.#pacing,
      isVolumeLossAllowed: this.#o.isVolumeLossAllowed,
      term: this.#term,
      signal: this.#stop.signal,
    }
    void relocate(context, record).then((outcome) => {
      this.#busy.delete(record.swarmId)
      const attempts = (this.#waiting.get(record.swarmId)?.attempts ?? 0) + 1
      if (outcome.kind === 'done') this.#waiting.delete(record.swarmId)
      else if (outcome.kind === 'abandoned') this.#isLoaded = false
      else if (outcome.isPaced) this.#postpone(record, outcome.why, pacedMs, attempts - 1)
      else this.#postpone(record, outcome.why, retryDelayMs(attempts, this.#o.random.next()), attempts)
      this.poke()
    })
  }

  #waitNoLonger(): void {
    for (const [swarmId, waiting] of this.#waiting) this.#waiting.set(swarmId, { ...waiting, nextMs: 0 })
  }

  #postpone(record: ContainerRecord, why: string, afterMs: number, attempts: number): void {
    const { clock, log } = this.#api.cluster
    const before = this.#waiting.get(record.swarmId)
    this.#waiting.set(record.swarmId, { why, attempts, nextMs: clock.monotonicMs() + afterMs })
    // The same reason over and over is told once.
    if (before?.why !== why) log.error(`Failed to reschedule container ${record.home.containerId}: ${why}`)
  }
}

function toHeld(record: ContainerRecord, why: string): MoveView {
  return { record, kind: record.move?.kind ?? 'failure', isUnderWay: false, why, waitMs: 0 }
}
