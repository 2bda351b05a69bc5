import { pauseUntilWoken } from '../../core/deadline.ts'
import { toMessage } from '../../core/errors.ts'
import type { Random } from '../../core/clock.ts'
import type { Api } from '../api/call.ts'
import type { Cluster } from '../cluster.ts'
import { isValidated } from '../model.ts'
import type { ContainerView, NodeMark, NodeView } from '../model.ts'
import { RecordBook } from './book.ts'
import { askAboutUnread, listDoubted } from './doubts.ts'
import { GoneEngines } from './gone.ts'
import { addLeft, listLeft, toLeft } from './left-copy.ts'
import { Moves } from './moves.ts'
import type { MoveView } from './moves.ts'
import { Observers } from './observers.ts'
import type { ObserversOptions } from './observers.ts'
import { RecordKeeper } from './record-keeper.ts'
import { RecordedNames } from './recorded-names.ts'
import type { ContainerRecord, MarkRecord } from './record.ts'
import type { RecordStore } from './record-store.ts'
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

const tickMs = 1000
/** From so many engines on a look at all of them is not made for each that comes. */
const crowdSize = 50
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
  readonly #stop = new AbortController()
  readonly #view: WorldView
  readonly #moves: Moves
  readonly #keeper: RecordKeeper
  readonly #names: RecordedNames
  readonly #removals = new Removals()
  #isLoaded = false
  #wake: (() => void) | undefined

  constructor(options: ReschedulerOptions) {
    this.#o = options
    this.#book = new RecordBook(options.store, options.cluster.log)
    this.#gone = new GoneEngines(options.cluster)
    this.observers = new Observers({ ...options.observers, cluster: options.cluster, onAnswers: () => this.poke() })
    this.#view = new WorldView(options.cluster, this.#book, this.#gone, this.observers)
    this.#moves = new Moves({
      cluster: options.cluster,
      api: () => this.#api,
      book: this.#book,
      view: this.#view,
      random: options.random,
      isVolumeLossAllowed: options.isVolumeLossAllowed,
      signal: this.#stop.signal,
      onOutdated: () => (this.#isLoaded = false),
      onEnd: () => this.poke(),
    })
    this.#keeper = new RecordKeeper({
      cluster: options.cluster,
      api: () => this.#api,
      book: this.#book,
      isBusy: (swarmId) => this.#moves.isBusy(swarmId),
    })
    this.#names = new RecordedNames({
      book: this.#book,
      clock: options.cluster.clock,
      isVolumeLossAllowed: options.isVolumeLossAllowed,
      readWorld: () => this.#view.read(),
    })
    options.cluster.keepNames(this.#names)
  }

  get #api(): Api {
    return this.#o.api()
  }

  start(): void {
    const api = this.#api
    const giveBackEvents = api.cluster.events.subscribeToOwn({
      hear: (event) => {
        // A node that comes may have room for what was refused before.
        if (event['Action'] !== 'engine_disconnect') this.#moves.retries.hurry()
        this.poke()
      },
    })
    const expectNames = (): void => (api.role.kind === 'replica' ? this.#names.settle() : this.#names.expect())
    const giveBackRole = api.role.onChange(() => {
      this.#isLoaded = false
      expectNames()
      this.poke()
    })
    expectNames()
    this.#stop.signal.addEventListener('abort', () => {
      giveBackEvents()
      giveBackRole()
    })
    void this.#run()
  }

  /** Starts nothing more; what engines were asked for already comes about or not, and the record tells. */
  close(): void {
    this.#stop.abort(new Error('the manager ends'))
    this.#names.settle()
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
    if (this.#moves.isBusy(swarmId)) return 'it is being made anew on another node'
    if (await this.#book.forget({ ...record, left: addLeft(listLeft(record), toLeft(record)) })) return undefined
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
      this.#moves.retries.clear()
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

  /** Recorded containers on engines that this manager has not read, and that are not given up. */
  listAway(): readonly ContainerRecord[] {
    // Most of the time there are none, and there may be many records.
    return this.#o.cluster.snapshot().nodes.every(isValidated) ? [] : this.#names.list()
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
    this.#moves.lookAgain(record.home.engineId)
    this.poke()
    return isWritten
  }

  /** Every container that is to be moved, or would be if it could. */
  listMoves(): readonly MoveView[] {
    return this.#moves.list()
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
    const isBusy = (swarmId: string): boolean => this.#moves.isBusy(swarmId)
    const settled = await this.#removals.settle(this.#o.cluster, this.#book, isBusy)
    if (settled === undefined) {
      this.#isLoaded = false
      return
    }
    // What is left of them may be on nodes that answer.
    if (settled > 0) this.#keeper.forgetNodes()
    if (!(await this.#keeper.observe())) this.#isLoaded = false
    askAboutUnread(this.#book, this.#view.read(), this.#gone)
    this.observers.look(listDoubted(api.cluster, this.#book, this.#view.read()))
    await this.#moves.begin()
  }

  async #load(): Promise<void> {
    const { role } = this.#api
    const { term } = role
    if (!(await role.mayAct())) return
    await this.#book.load()
    if (role.kind === 'replica' || role.term !== term) return
    this.#moves.startOver(term)
    this.#gone.forgetAll()
    this.#keeper.forgetNodes()
    // Another manager may have taken marks back meanwhile.
    this.#o.cluster.replaceMarks(new Map(this.#book.marks().map(({ engineId, mark }) => [engineId, mark])))
    this.#isLoaded = true
    this.#names.settle()
  }
}
