import type { Buffer } from 'node:buffer'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { programVersion } from '../../core/program.ts'
import { lockBeside } from '../../io/lock.ts'
import { RingFile } from '../../io/ring-file.ts'
import { Audit } from './audit.ts'
import { chainStart, readLine } from './line.ts'
import type { AuditFields, ChainEnd } from './line.ts'
import { AuditWriter } from './writer.ts'

/** Where an audit log is kept, and how much of it. */
export interface OpenAuditOptions {
  readonly path: string
  /** Bytes of all segments together. */
  readonly maxBytes: number
  readonly isRequired: boolean
  readonly clock: Clock
  readonly log: Log
}

/** Files that a log is spread over: the oldest eighth goes when room is needed. */
const segmentCount = 8
/** For the owner's eyes: who did what, even with its secrets masked, is nobody else's business. */
const fileMode = 0o600
/** More than the longest line. */
const endBytes = 512 * 1024

/**
 * Opens an audit log, goes on with its chain, and writes that the manager has started. What a crash has left of a line
 * is put aside, and a line says so.
 *
 * @throws {io/file} when the file cannot be opened, or its last line was changed
 * @throws {io/locked} when another manager writes it
 */
export async function openAudit(options: OpenAuditOptions): Promise<Audit> {
  const { path, maxBytes, isRequired, clock, log } = options
  const unlock = await lockLog(options)
  const file = new RingFile({ path, maxBytes, segments: segmentCount, mode: fileMode })
  try {
    await file.open()
    const { end, torn } = await findEnd(file, path)
    if (end.seq > 0) log.info(`the audit log ${path} goes on after line ${end.seq}`, { hash: end.hash })
    if (torn !== undefined) log.warn(`the last line of the audit log ${path} was cut off: its rest is in ${torn.kept}`)
    const writer = new AuditWriter({ file, end, path, clock, log })
    const closing = {
      add: (fields: AuditFields) => writer.add(fields),
      durable: (fields: AuditFields) => writer.durable(fields),
      read: () => writer.read(),
      close: async () => {
        try {
          await writer.close()
        } finally {
          await unlock()
        }
      },
    }
    const audit = new Audit({ writer: closing, clock, isRequired })
    audit.note('start', { version: programVersion, required: isRequired, ...(torn === undefined ? {} : { torn }) })
    return audit
  } catch (error) {
    await file.close()
    await unlock()
    throw error
  }
}

/** A disk that is full takes no lock, and is no reason not to start. @throws {io/locked} */
async function lockLog({ path, clock, log }: OpenAuditOptions): Promise<() => Promise<void>> {
  try {
    return await lockBeside(path, { clock, waitMs: 0, subject: `audit log ${JSON.stringify(path)}` })
  } catch (error) {
    if (isFlotillaError(error) && error.code === 'io/locked') throw error
    log.warn(`${toMessage(error)}: see to it that no other manager writes the audit log`)
    return () => Promise.resolve()
  }
}

/** What was put aside. */
interface Torn {
  readonly bytes: number
  readonly kept: string
}

/** Where the chain goes on, behind the last complete line of the newest segment that has one. */
async function findEnd(file: RingFile, path: string): Promise<{ readonly end: ChainEnd; readonly torn?: Torn }> {
  let torn: Torn | undefined
  for (;;) {
    const last = await file.readEnd(endBytes)
    if (last === undefined) return { end: chainStart, ...(torn === undefined ? {} : { torn }) }
    const { bytes, length } = last
    const lineEnd = bytes.lastIndexOf(10)
    if (lineEnd === bytes.length - 1) {
      const end = readEnd(bytes.subarray(0, lineEnd))
      if (typeof end === 'string') throw broken(last.file, path, end)
      return { end, ...(torn === undefined ? {} : { torn }) }
    }
    if (lineEnd < 0 && bytes.length < length) throw broken(last.file, path, 'it is no line of an audit log')
    const rest = bytes.subarray(lineEnd + 1)
    const kept = await file.setAside(last.file, length - rest.length, rest)
    torn = { bytes: rest.length, kept }
  }
}

function readEnd(bytes: Buffer): ChainEnd | string {
  const read = readLine(bytes.toString('utf8', bytes.lastIndexOf(10) + 1))
  return typeof read === 'string' ? read : read.end
}

function broken(file: string, path: string, why: string): FlotillaError {
  return new FlotillaError(
    'io/file',
    `cannot go on with the audit log ${JSON.stringify(file)}: its last line: ${why}`,
    {
      hint: `look at it with \`swarm audit verify ${path}\`, and move it away with its older segments to begin a new one`,
    },
  )
}
