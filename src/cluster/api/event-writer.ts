import { Buffer } from 'node:buffer'
import type { Clock } from '../../core/clock.ts'
import { startTimer } from '../../core/deadline.ts'
import { defaultLimits } from '../limits.ts'
import type { ManagerLimits } from '../limits.ts'
import { readFields, readNumber, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'

/** Events of the past that go out together. */
const replayBatch = 100
/** After a write, what comes within this time goes out with the next. */
const gatherMs = 2
/** An event of the past may come as a new one for so long. */
const forgetMs = 2000

/**
 * More events than may wait are borne for so long: a manager that was held up itself reads what engines told meanwhile all
 * at once, and a client cannot take any of it before the connection has its turn. Bytes have no such time: they are memory.
 */
const graceMs = 1000

/** What event streams need of the exchange they are written to. */
export interface EventSink {
  /** @returns false when the client is slow */
  write(text: string): boolean
  /** Bytes that were written and have not left yet. */
  readonly waitingBytes: number
}

/** Events that were handed over together. */
interface Batch {
  readonly events: number
  readonly bytes: number
}

/** Events as lines; all subscribers get the same text. */
const rendered = new WeakMap<Fields, string>()

function renderEvent(event: Fields): string {
  const known = rendered.get(event)
  if (known !== undefined) return known
  const text = `${JSON.stringify(event)}\n`
  rendered.set(event, text)
  return text
}

/**
 * Writes events to one subscriber: the past first, then what came meanwhile, then what comes. A single event goes out at
 * once, a storm in few pieces; a subscriber that falls too far behind is told so and dropped.
 */
export class EventWriter {
  readonly #sink: EventSink
  readonly #clock: Clock
  readonly #limits: Pick<ManagerLimits, 'events' | 'eventBytes'>
  readonly #isWanted: (event: Fields) => boolean
  readonly #early: Fields[] = []
  readonly #replayed = new Set<string>()
  #isOpen = false
  #isDropped = false
  /** What the client has not taken yet, oldest first, and how many events and bytes that is. */
  #batches: Batch[] = []
  #waiting = 0
  #waitingBytes = 0
  #gathered = ''
  #gatheredCount = 0
  #cancel: (() => void) | undefined
  #cancelForget: (() => void) | undefined
  #cancelGrace: (() => void) | undefined
  #wakeEnd: (() => void) | undefined

  /** @param limits what may wait for a slow subscriber; beyond it the subscriber is dropped */
  constructor(
    sink: EventSink,
    clock: Clock,
    isWanted: (event: Fields) => boolean,
    limits: Pick<ManagerLimits, 'events' | 'eventBytes'> = defaultLimits,
  ) {
    this.#limits = limits
    this.#sink = sink
    this.#clock = clock
    this.#isWanted = isWanted
  }

  offer(event: Fields): void {
    if (this.#isOpen) {
      if (this.#replayed.size === 0 || !this.#replayed.has(keyOf(event))) this.#write(event)
    } else if (this.#early.length < this.#limits.events) this.#early.push(event)
    else this.#drop()
  }

  /** @returns false when the client is slow: the rest of the past can wait until it has read on */
  replay(event: Fields): boolean {
    this.#replayed.add(keyOf(event))
    this.#write(event)
    if (this.#gatheredCount >= replayBatch) this.#flush()
    return this.#batches.length === 0
  }

  get isDropped(): boolean {
    return this.#isDropped
  }

  open(): void {
    this.#isOpen = true
    for (const event of this.#early.splice(0)) this.offer(event)
    // What an engine has told may still be on its way here (see `Telling`).
    if (this.#replayed.size > 0) this.#cancelForget = startTimer(this.#clock, forgetMs, () => this.#replayed.clear())
  }

  /** Resolves when the subscriber is dropped or gone. */
  ended(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted || this.#isDropped) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
      this.#wakeEnd = resolve
    })
  }

  /** Writes what is left. */
  close(): void {
    this.#flush()
    this.#isDropped = true
    this.#cancelForget?.()
    this.#cancelGrace?.()
    this.#cancel?.()
    this.#cancel = undefined
  }

  #write(event: Fields): void {
    if (this.#isDropped || !this.#isWanted(event)) return
    this.#gathered += renderEvent(event)
    this.#gatheredCount += 1
    if (this.#cancel !== undefined) return
    this.#flush()
    this.#cancel = startTimer(this.#clock, gatherMs, () => {
      this.#cancel = undefined
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#gathered === '' || this.#isDropped) return
    const text = this.#gathered
    const events = this.#gatheredCount
    this.#gathered = ''
    this.#gatheredCount = 0
    if (this.#sink.write(text)) this.#forget()
    else this.#count({ events, bytes: Buffer.byteLength(text) })
  }

  #forget(): void {
    if (this.#batches.length > 0) this.#batches = []
    this.#waiting = 0
    this.#waitingBytes = 0
  }

  /** A client that is always a little behind takes what is old while the new comes: only what has not left counts. */
  #count(batch: Batch): void {
    this.#batches.push(batch)
    this.#waiting += batch.events
    this.#waitingBytes += batch.bytes
    const left = this.#sink.waitingBytes
    if (left > this.#limits.eventBytes) return this.#drop()
    if (this.#waiting <= this.#limits.events || this.#cancelGrace !== undefined) return
    this.#dropTaken(left)
    if (this.#waiting > this.#limits.events)
      this.#cancelGrace = startTimer(this.#clock, graceMs, () => this.#endGrace())
  }

  #endGrace(): void {
    this.#cancelGrace = undefined
    this.#dropTaken(this.#sink.waitingBytes)
    if (this.#waiting > this.#limits.events) this.#drop()
  }

  #dropTaken(left: number): void {
    let at = 0
    for (const { events, bytes } of this.#batches) {
      if (this.#waitingBytes - bytes < left) break
      this.#waiting -= events
      this.#waitingBytes -= bytes
      at += 1
    }
    this.#batches.splice(0, at)
  }

  #drop(): void {
    if (this.#isDropped) return
    this.#isDropped = true
    this.#cancelGrace?.()
    const action = 'subscriber_dropped'
    const message = `more than ${this.#limits.events} events or ${this.#limits.eventBytes} bytes were waiting`
    this.#sink.write(`${JSON.stringify({ status: action, Type: 'swarm', Action: action, message })}\n`)
    this.#wakeEnd?.()
  }
}

/** Tells events of the past from each other. */
export function keyOf(event: Fields): string {
  const actor = readFields(event, 'Actor')
  return `${readNumber(event, 'timeNano')} ${readText(event, 'Action')} ${readText(actor, 'ID')}`
}
