import { FlotillaError, toMessage } from '../../core/errors.ts'
import { readTextFile } from '../../io/files.ts'
import type { CallOptions } from '../../core/call.ts'
import type { DiscoveryContext, MakeDiscovery } from './discovery.ts'
import { holdEmptied, nothingHeld } from './hold.ts'
import { parseEntries, toSet } from './parse-entries.ts'

/** The file is looked at this often, or every heartbeat when that is shorter. */
const pollMs = 2000
/** A file that does not end with a line feed may be half-written: it is read again after this. */
const settleMs = 500

/** `file:///path`: one entry per line, `#` begins a comment. Changes are taken over while running. */
export const file: MakeDiscovery = (path, context) => ({
  watch: (o = {}) => watchFile(path, context, o),
  register() {
    return Promise.reject(new FlotillaError('cluster/discovery', 'not implemented in this discovery service'))
  },
})

async function* watchFile(
  path: string,
  context: DiscoveryContext,
  o: CallOptions,
): AsyncGenerator<readonly string[], void> {
  const { clock, log, heartbeatMs } = context
  let held = nothingHeld
  let complaint = ''
  while (o.signal?.aborted !== true) {
    const reading = await readSettled(path, context, o)
    if (reading === undefined) return
    const problem = reading.problems.join('; ')
    if (problem !== '' && problem !== complaint) log.error(`Discovery error: ${problem}`)
    complaint = problem
    if (reading.addresses !== undefined) {
      const next = holdEmptied(held, toSet(reading.addresses), clock.nowMs(), heartbeatMs)
      held = next.held
      if (next.isSuspicious)
        log.warn(`Discovery file ${path} lists no engines any more: keeping the known ones for now`)
      if (next.emit) yield next.held.last ?? []
    }
    if (!(await pause(Math.min(pollMs, heartbeatMs), context, o))) return
  }
}

interface Reading {
  /** Absent: the file could not be read, what was known stays. */
  readonly addresses: readonly string[] | undefined
  readonly problems: readonly string[]
}

/** Reads until two readings of an unfinished file agree. Undefined: aborted. */
async function readSettled(path: string, context: DiscoveryContext, o: CallOptions): Promise<Reading | undefined> {
  let text = await readOnce(path)
  while (text.isRead && text.content !== '' && !text.content.endsWith('\n')) {
    if (!(await pause(settleMs, context, o))) return undefined
    const again = await readOnce(path)
    const isStable = again.isRead && again.content === text.content
    text = again
    if (isStable) break
  }
  if (!text.isRead) return { addresses: undefined, problems: [text.problem] }
  return parseEntries(parseLines(text.content))
}

type FileText =
  | { readonly isRead: true; readonly content: string }
  | { readonly isRead: false; readonly problem: string }

async function readOnce(path: string): Promise<FileText> {
  try {
    const content = await readTextFile(path)
    if (content !== undefined) return { isRead: true, content }
    return { isRead: false, problem: `failed to read '${path}': open ${path}: no such file or directory` }
  } catch (error) {
    return { isRead: false, problem: `failed to read '${path}': ${toMessage(error)}` }
  }
}

function parseLines(content: string): readonly string[] {
  return content
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .map((line) => line.replace(/#.*$/, '').trim())
    .filter((line) => line !== '')
}

/** @returns false when aborted meanwhile */
async function pause(ms: number, { clock }: DiscoveryContext, o: CallOptions): Promise<boolean> {
  try {
    await clock.sleep(ms, o.signal)
    return true
  } catch (error) {
    if (o.signal?.aborted === true) return false
    throw error
  }
}
