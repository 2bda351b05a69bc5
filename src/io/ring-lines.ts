import { Buffer } from 'node:buffer'
import { promises as fs } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Clock } from '../core/clock.ts'
import { FlotillaError } from '../core/errors.ts'
import { fileReason } from '../core/file-reason.ts'
import { listSegments } from './ring-file.ts'

/** A line of one segment. */
export interface RingLine {
  readonly file: string
  /** From 1, within the segment. */
  readonly number: number
  readonly text: string
  /** False for the last one when its line end is missing. */
  readonly isEnded: boolean
}

/** Longer lines are handed out in pieces: nobody wrote them. */
const lineLimit = 1024 * 1024
const pieceBytes = 256 * 1024
/** A writer that is in the middle of a line has ended it by then. */
const settleMs = 300

/**
 * All lines of a ring, the oldest first, while it may be written.
 * @throws {io/file} when there is none, or it cannot be read
 */
export async function* readRing(path: string, clock: Clock): AsyncGenerator<RingLine> {
  // All are opened before any is read: they are renamed when the next segment begins.
  const opened: { readonly file: string; readonly handle: FileHandle }[] = []
  try {
    for (const file of await listSegments(path)) opened.push({ file, handle: await fs.open(file, 'r') })
    if (opened.length === 0) throw new FlotillaError('io/file', `cannot read ${JSON.stringify(path)}: no such file`)
    for (const { file, handle } of opened) yield* readLines(file, handle, clock)
  } catch (error) {
    if (error instanceof FlotillaError) throw error
    throw new FlotillaError('io/file', `cannot read ${JSON.stringify(path)}: ${fileReason(error)}`, { cause: error })
  } finally {
    await Promise.all(opened.map(({ handle }) => handle.close()))
  }
}

async function* readLines(file: string, handle: FileHandle, clock: Clock): AsyncGenerator<RingLine> {
  const piece = Buffer.alloc(pieceBytes)
  let rest = Buffer.alloc(0)
  let number = 0
  let hasWaited = false
  for (;;) {
    const { bytesRead } = await handle.read(piece, 0, piece.length, null)
    if (bytesRead === 0) {
      if (rest.length === 0) return
      if (hasWaited) {
        yield { file, number: number + 1, text: rest.toString('utf8'), isEnded: false }
        return
      }
      hasWaited = true
      await clock.sleep(settleMs)
      continue
    }
    hasWaited = false
    rest = Buffer.concat([rest, piece.subarray(0, bytesRead)])
    let start = 0
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, start)) {
      number += 1
      yield { file, number, text: rest.toString('utf8', start, end), isEnded: true }
      start = end + 1
    }
    rest = Buffer.from(rest.subarray(start))
    if (rest.length > lineLimit) {
      number += 1
      yield { file, number, text: rest.toString('utf8'), isEnded: true }
      rest = Buffer.alloc(0)
    }
  }
}
