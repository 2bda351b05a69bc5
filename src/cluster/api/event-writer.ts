import { Buffer } from 'node:buffer'
import type { Clock } from '../../core/clock.ts'
import { startTimer } from '../../core/deadline.ts'
import { readFields, readNumber, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'

/** Events that wait for a slow subscriber; beyond them it is dropped. */
const queueLimit = 10_000
/** As above in bytes: an event carries all labels of its container, and those may be long. */
const byteLimit = 16 * 1024 * 1024
/** Events of the past that go out together. */
const replayBatch = 100
/** After a write, what comes within this time goes out with the next. */
const gatherMs = 2
/** An event of the past may come as a new one for so long. */
const forgetMs = 2000

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
  #wakeEnd: (() => void) | undefined

  constructor(sink: EventSink, clock: Clock, isWanted: (event: Fields) => boolean) {
    this.#sink = sink
    this.#clock = clock
    this.#isWanted = isWanted
  }

  offer(event: Fields): void {
    if (this.#isOpen) {
      if (this.#replayed.size === 0 || !this.#replayed.has(keyOf(event))) this.#write(event)
    } else if (this.#early.length < queueLimit) this.#early.push(event)
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
    if (this.#waiting > queueLimit) this.#dropTaken(left)
    if (this.#waiting > queueLimit || left > byteLimit) this.#drop()
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
    const action = 'subscriber_dropped'
    const message = `more than ${queueLimit} events or ${byteLimit} bytes were waiting`
    this.#sink.write(`${JSON.stringify({ status: action, Type: 'swarm', Action: action, message })}\n`)
    this.#wakeEnd?.()
  }
}

/** Tells events of the past from each other. */
export function keyOf(event: Fields): string {
  const actor = readFields(event, 'Actor')
  return `${readNumber(event, 'timeNano')} ${readText(event, 'Action')} ${readText(actor, 'ID')}`
}
