import { readLine } from './line.ts'
import type { ChainEnd, ReadLine } from './line.ts'

/** A line of a segment. */
export interface PlacedLine {
  /** The segment's file. */
  readonly file: string
  /** From 1, within the segment. */
  readonly number: number
  readonly text: string
  /** False for the last one of a segment that lacks its line end. */
  readonly isEnded: boolean
}

/** What a log that holds together tells. */
export interface ChainReport {
  readonly lines: number
  readonly segments: number
  readonly first: ReadLine | undefined
  readonly last: ReadLine | undefined
  /** Lines that say that others could not be written. */
  readonly gaps: readonly ReadLine[]
}

/** Where a log does not hold together. */
export interface ChainBreak {
  readonly file: string
  readonly number: number
  readonly why: string
}

/**
 * Goes along the lines of a log, the oldest first, and stops at the first that does not join on to the one before.
 * What came before the oldest line, and lines cut off the end, it cannot know of: the anchor, a line that is known from
 * elsewhere, says that the log reaches that far, and that it is the same log.
 */
export class ChainWalk {
  readonly #anchor: ChainEnd | undefined
  readonly #files = new Set<string>()
  #first: ReadLine | undefined
  #last: ReadLine | undefined
  #lines = 0
  #isAnchorSeen = false
  readonly #gaps: ReadLine[] = []

  constructor(anchor?: ChainEnd) {
    this.#anchor = anchor
  }

  /** @returns what is wrong with the line */
  take(line: PlacedLine): ChainBreak | undefined {
    const broken = (why: string): ChainBreak => ({ file: line.file, number: line.number, why })
    if (!line.isEnded) return broken('it is cut off: the manager died while it was written, or somebody cut the file')
    const read = readLine(line.text)
    if (typeof read === 'string') return broken(read)
    const last = this.#last?.end
    if (last !== undefined && read.prev !== last.hash) return broken(describeGap(last, read))
    if (last !== undefined && read.end.seq !== last.seq + 1)
      return broken(`its number is ${read.end.seq}, and ${last.seq + 1} is due`)
    if (last === undefined && read.end.seq === 1 && !/^0+$/.test(read.prev))
      return broken('it is number 1, and names a line before it')
    if (read.end.seq === this.#anchor?.seq) {
      if (read.end.hash !== this.#anchor.hash)
        return broken('its hash is not the expected one: the log was written anew')
      this.#isAnchorSeen = true
    }
    this.#files.add(line.file)
    this.#first ??= read
    this.#last = read
    this.#lines += 1
    if (read.fields['kind'] === 'gap') this.#gaps.push(read)
    return undefined
  }

  /** To be called after the last line. @returns why the anchor is missed */
  end(): string | undefined {
    if (this.#anchor === undefined || this.#isAnchorSeen) return undefined
    const { seq } = this.#anchor
    if (this.#last === undefined || this.#last.end.seq < seq)
      return `line ${seq} is expected, and the log ends with ${this.#last?.end.seq ?? 'nothing'}: lines were cut off its end`
    return `line ${seq} is expected, and the log begins with ${this.#first?.end.seq ?? 'nothing'}: it has been dropped`
  }

  report(): ChainReport {
    return {
      lines: this.#lines,
      segments: this.#files.size,
      first: this.#first,
      last: this.#last,
      gaps: this.#gaps,
    }
  }
}

function describeGap(last: ChainEnd, read: ReadLine): string {
  const { seq } = read.end
  const missing = seq - last.seq - 1
  if (missing > 0) return `it is number ${seq} after ${last.seq}: ${missing === 1 ? 'a line is' : 'lines are'} missing`
  if (missing < 0) return `it is number ${seq} after ${last.seq}: lines were put in, or in another order`
  return `it does not join on to line ${last.seq}`
}
