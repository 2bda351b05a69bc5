import { Buffer } from 'node:buffer'
import type { Clock } from '../../core/clock.ts'
import { pauseUntilWoken } from '../../core/deadline.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { RingFile } from '../../io/ring-file.ts'
import { renderFields, renderLine } from './line.ts'
import type { AuditFields, ChainEnd } from './line.ts'

/** What the writer needs of its file. */
export type AuditFile = Pick<RingFile, 'append' | 'close' | 'length' | 'rotate' | 'segmentBytes'>

export interface AuditWriterOptions {
  readonly file: AuditFile
  /** Where the chain goes on. */
  readonly end: ChainEnd
  /** For messages. */
  readonly path: string
  readonly clock: Clock
  readonly log: Log
}

/** For metrics. */
export interface AuditReading {
  /** Lines on disk since the start. */
  readonly lines: number
  /** Epoch milliseconds of the last one; undefined before the first. */
  readonly lastWriteMs: number | undefined
  /** Attempts to write that failed. */
  readonly failures: number
  /** Lines that will never be written. */
  readonly lost: number
  /** Requests turned away because their line could not be written. */
  readonly refused: number
  readonly isFailing: boolean
}

interface Queued {
  readonly fields: string
  /** Of somebody who waits for the line to be on disk. */
  readonly settle?: (error: FlotillaError | undefined) => void
}

/** Bytes of lines that wait for a disk. */
const queueBytes = 8 * 1024 * 1024
const batchBytes = 256 * 1024
/** Room in a line beside its fields: number and hashes. */
const frameBytes = 200
const retryMs = 1000
/** For somebody who waits: disks of networks may hang for ever. */
const durableMs = 10_000
/** Until the writer is woken; only a safeguard. */
const idleMs = 3_600_000

/**
 * Appends lines to a file, one write at a time: what comes while the disk works goes together with the next write, so
 * that each line is synced and none holds up the event loop. While the file cannot be written, lines wait in bounded
 * memory; how many were lost beyond that is a line of its own, later.
 */
export class AuditWriter {
  readonly #o: AuditWriterOptions
  readonly #running: Promise<void>
  #queue: Queued[] = []
  #queuedBytes = 0
  #end: ChainEnd
  #wake: (() => void) | undefined
  #isClosing = false
  #isOver = false
  #problem: FlotillaError | undefined
  #lines = 0
  #lastWriteMs: number | undefined
  #failures = 0
  #lost = 0
  #refused = 0
  /** Of these the ones that no line tells of yet, and since when. */
  #untold = { lost: 0, refused: 0, sinceMs: 0 }

  constructor(options: AuditWriterOptions) {
    this.#o = options
    this.#end = options.end
    this.#running = this.#run()
  }

  /** Writes the line as soon as it can be written. */
  add(fields: AuditFields): void {
    const text = renderFields(fields)
    const bytes = sizeOf(text)
    if (this.#isOver || this.#queuedBytes + bytes > queueBytes) {
      this.#tell('lost')
      return
    }
    this.#push({ fields: text })
  }

  /**
   * Resolves when the line is on disk. Fails at once while the file cannot be written.
   * @throws {cluster/unhealthy} status 503; the line is not written then, or too late
   */
  async durable(fields: AuditFields): Promise<void> {
    if (this.#problem !== undefined || this.#isClosing) throw this.#refuse(this.#problem)
    // The disk hangs, and others wait already.
    if (this.#queuedBytes > queueBytes) throw this.#refuse(new Error('too many lines wait for the disk'))
    const text = renderFields(fields)
    const limit = new AbortController()
    let queued: Queued | undefined
    const written = new Promise<void>((resolve, reject) => {
      const settle = (error: FlotillaError | undefined): void => (error === undefined ? resolve() : reject(error))
      queued = { fields: text, settle }
      this.#push(queued)
    })
    const late = this.#o.clock.sleep(durableMs, limit.signal).then(
      () => Promise.reject(new Error(`${JSON.stringify(this.#o.path)} did not take it within ${durableMs / 1000} s`)),
      () => undefined,
    )
    try {
      await Promise.race([written, late])
    } catch (error) {
      written.catch(() => undefined)
      // Nothing will be done that it tells of. What the disk has begun to take stays.
      this.#take((each) => each === queued)
      throw this.#refuse(error)
    } finally {
      limit.abort(new Error('written'))
    }
  }

  read(): AuditReading {
    return {
      lines: this.#lines,
      lastWriteMs: this.#lastWriteMs,
      failures: this.#failures,
      lost: this.#lost,
      refused: this.#refused,
      isFailing: this.#problem !== undefined,
    }
  }

  /** Writes what waits, tries once more where that fails, and closes the file. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#wake?.()
    await this.#running
    await this.#o.file.close()
  }

  #push(queued: Queued): void {
    this.#queue.push(queued)
    this.#queuedBytes += sizeOf(queued.fields)
    this.#wake?.()
  }

  /** @returns what is taken off the queue */
  #take(isTaken: (queued: Queued) => boolean): readonly Queued[] {
    const taken = this.#queue.filter((queued) => isTaken(queued))
    this.#queue = this.#queue.filter((queued) => !isTaken(queued))
    for (const { fields } of taken) this.#queuedBytes -= sizeOf(fields)
    return taken
  }

  #refuse(cause: unknown): FlotillaError {
    this.#tell('refused')
    const why = cause === undefined ? 'the manager ends' : toMessage(cause)
    const message = `nothing was done: the audit log is required (swarm.audit.required) and cannot be written: ${why}`
    return new FlotillaError('cluster/unhealthy', message, { status: 503, cause })
  }

  #tell(what: 'lost' | 'refused'): void {
    if (what === 'lost') this.#lost += 1
    else this.#refused += 1
    const sinceMs = this.#untold.sinceMs === 0 ? this.#o.clock.nowMs() : this.#untold.sinceMs
    this.#untold = { ...this.#untold, [what]: this.#untold[what] + 1, sinceMs }
    this.#wake?.()
  }

  async #run(): Promise<void> {
    for (;;) {
      const isLast = this.#isClosing
      const gap = this.#makeGap()
      if (gap === undefined && this.#queue.length === 0) {
        if (isLast) break
        await pauseUntilWoken(this.#o.clock, idleMs, (wake) => (this.#wake = wake))
        continue
      }
      try {
        await this.#write(gap)
        this.#healed()
      } catch (error) {
        this.#failed(error)
        if (isLast) break
        await pauseUntilWoken(this.#o.clock, retryMs, (wake) => {
          // Only the end is a reason to hurry.
          this.#wake = () => (this.#isClosing ? wake() : undefined)
        })
      }
    }
    this.#isOver = true
    if (this.#queue.length > 0) this.#o.log.error(`the audit log lacks ${this.#queue.length} lines of this run`)
  }

  /** Writes as much as goes together, and into one segment. */
  async #write(gap: Gap | undefined): Promise<void> {
    const { file, log, path, clock } = this.#o
    let end = this.#end
    let text = ''
    let bytes = 0
    const written: Queued[] = []
    const waiting = gap === undefined ? this.#queue : [gap.line, ...this.#queue]
    for (const queued of waiting) {
      const line = renderLine(queued.fields, end)
      const size = Buffer.byteLength(line.text) + 1
      const isFull = file.length + bytes + size > file.segmentBytes
      if (written.length > 0 && (isFull || bytes + size > batchBytes)) break
      if (isFull && file.length > 0) await file.rotate()
      text += `${line.text}\n`
      bytes += size
      end = line.end
      written.push(queued)
    }
    const foreign = await file.append(Buffer.from(text))
    if (foreign !== 'none') {
      log.error(`the audit log ${path} was ${foreign} by somebody else: its lines do not join on to each other there`)
    }
    this.#end = end
    this.#lines += written.length
    this.#lastWriteMs = clock.nowMs()
    if (gap !== undefined) this.#told(gap)
    const done = new Set(written)
    this.#take((queued) => done.has(queued))
    for (const { settle } of written) settle?.(undefined)
  }

  #healed(): void {
    if (this.#problem === undefined) return
    this.#problem = undefined
    this.#o.log.info(`the audit log ${this.#o.path} can be written again`)
  }

  #failed(thrown: unknown): void {
    const error =
      thrown instanceof FlotillaError ? thrown : new FlotillaError('io/file', toMessage(thrown), { cause: thrown })
    this.#failures += 1
    if (this.#problem === undefined) this.#o.log.error(`the audit log cannot be written: ${error.message}`)
    this.#problem = error
    // Whoever waits is told, and their lines go: nothing will be done that they tell of.
    for (const { settle } of this.#take((queued) => queued.settle !== undefined)) settle?.(error)
  }

  #makeGap(): Gap | undefined {
    const { lost, refused, sinceMs } = this.#untold
    if (lost === 0 && refused === 0) return undefined
    const time = toTime(this.#o.clock.nowMs())
    return {
      line: { fields: renderFields({ time, kind: 'gap', lost, refused, since: toTime(sinceMs) }) },
      lost,
      refused,
    }
  }

  #told({ lost, refused }: Gap): void {
    const left = { lost: this.#untold.lost - lost, refused: this.#untold.refused - refused }
    const isAll = left.lost === 0 && left.refused === 0
    this.#untold = { ...left, sinceMs: isAll ? 0 : this.#untold.sinceMs }
  }
}

/** A line that tells of others that will never be written. */
interface Gap {
  readonly line: Queued
  readonly lost: number
  readonly refused: number
}

function sizeOf(fields: string): number {
  return Buffer.byteLength(fields) + frameBytes
}

/** RFC 3339. */
function toTime(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
