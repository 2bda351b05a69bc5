import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError } from '../../core/errors.ts'

export interface KeepSmallOptions extends CallOptions {
  readonly clock: Clock
  readonly maxBytes: number
  /** What is being fetched, for the message. */
  readonly shown: string
}

const lookMs = 250

/**
 * Lets work fill a folder, and ends it by its signal when the folder grows too large: git itself has no such limit for
 * what it fetches and unpacks. Looked at once more when the work is done.
 *
 * @throws {compose/limit}
 */
export async function keepSmall(
  folder: string,
  o: KeepSmallOptions,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const tooLarge = new AbortController()
  const done = new AbortController()
  const look = async (): Promise<void> => {
    if ((await measure(folder, o.maxBytes)) <= o.maxBytes) return
    const message = `refusing ${o.shown}: it takes more than ${o.maxBytes} bytes`
    tooLarge.abort(new FlotillaError('compose/limit', message))
  }
  const watching = watch(look, o.clock, done.signal)
  try {
    const signals = o.signal === undefined ? [tooLarge.signal] : [o.signal, tooLarge.signal]
    await work(AbortSignal.any(signals))
    await look()
  } finally {
    done.abort()
    await watching
    // The program that was ended says only that it was.
    tooLarge.signal.throwIfAborted()
  }
}

async function watch(look: () => Promise<void>, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const startMs = clock.nowMs()
    await look()
    // Most of the time is left to the work, however many files there are.
    await clock.sleep(Math.max(lookMs, (clock.nowMs() - startMs) * 10), signal).catch(() => {})
  }
}

/** Bytes of all files below a folder, links not followed; stops counting beyond the limit. */
async function measure(folder: string, maxBytes: number): Promise<number> {
  let bytes = 0
  const folders = [folder]
  for (let next = folders.pop(); next !== undefined && bytes <= maxBytes; next = folders.pop()) {
    const entries = await fs.readdir(next, { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      const path = join(next, entry.name)
      if (entry.isDirectory()) folders.push(path)
      else
        bytes += await fs.lstat(path).then(
          ({ size }) => size,
          () => 0,
        )
    }
  }
  return bytes
}
