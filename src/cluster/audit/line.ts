import { createHash } from 'node:crypto'

/** A line without its place in the chain, in the order in which it is written. */
export type AuditFields = Readonly<Record<string, unknown>>

/** Where the next line joins on. */
export interface ChainEnd {
  /** Number of the last line; 0: there is none. */
  readonly seq: number
  /** Its hash, 64 hex digits. */
  readonly hash: string
}

/** Before the first line of all. */
export const chainStart: ChainEnd = { seq: 0, hash: '0'.repeat(64) }

/** The fields as they stand in a line: JSON without its brackets. */
export function renderFields(fields: AuditFields): string {
  return JSON.stringify(fields).slice(1, -1)
}

/**
 * One line of the log, without its line end: `{"seq":7,FIELDS,"prev":"HASH","hash":"HASH"}`. The hash is the SHA-256 of
 * what stands before `,"hash"`, byte for byte, and so covers the hash of the line before.
 */
export function renderLine(fields: string, before: ChainEnd): { readonly text: string; readonly end: ChainEnd } {
  const seq = before.seq + 1
  const covered = `{"seq":${seq},${fields},"prev":"${before.hash}"`
  const hash = sha256(covered)
  return { text: `${covered},"hash":"${hash}"}`, end: { seq, hash } }
}

/** A line that was read back. */
export interface ReadLine {
  readonly end: ChainEnd
  readonly prev: string
  readonly fields: AuditFields
}

const tail = /,"prev":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"\}$/

/** Reads a line back. @returns what is wrong with it, as a text, when it is not as it was written */
export function readLine(text: string): ReadLine | string {
  const [whole, prev = '', hash = ''] = tail.exec(text) ?? []
  if (whole === undefined) return 'it is no line of an audit log'
  if (sha256(text.slice(0, text.length - hash.length - ',"hash":""}'.length)) !== hash)
    return 'it was changed: its hash does not fit'
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'it is no JSON'
  }
  const fields = value as AuditFields
  const seq = fields['seq']
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return 'it has no number'
  return { end: { seq, hash }, prev, fields }
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex')
}
