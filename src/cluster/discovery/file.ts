import { setImmediate } from 'node:timers/promises'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { readTextFile } from '../../io/files.ts'
import type { CallOptions } from '../../core/call.ts'
import type { DiscoveryContext, MakeDiscovery } from './discovery.ts'
import { parseEntries } from './parse-entries.ts'
import { pause, pollList } from './poll.ts'
import type { Reading } from './poll.ts'

/** The file is looked at this often, or every heartbeat when that is shorter. */
const pollMs = 2000
/** A file that does not end with a line feed may be half-written: it is read again after this. */
const settleMs = 500
const manyLines = 10_000

/** `file:///path`: one entry per line, `#` begins a comment. Changes are taken over while running. */
export const file: MakeDiscovery = (path, context) => ({
  watch(o = {}) {
    const everyMs = Math.min(pollMs, context.heartbeatMs)
    const parse = rememberLast(parseContent)
    return pollList(`Discovery file ${path}`, () => readSettled(path, parse, context, o), everyMs, context, o)
  },
  register() {
    return Promise.reject(new FlotillaError('cluster/discovery', 'not implemented in this discovery service'))
  },
})

/** Reads until two readings of an unfinished file agree. Undefined: aborted. */
async function readSettled(
  path: string,
  parse: (content: string) => Promise<Reading>,
  context: DiscoveryContext,
  o: CallOptions,
): Promise<Reading | undefined> {
  let text = await readOnce(path)
  while (text.isRead && text.content !== '' && !text.content.endsWith('\n')) {
    if (!(await pause(settleMs, context, o))) return undefined
    const again = await readOnce(path)
    const isStable = again.isRead && again.content === text.content
    text = again
    if (isStable) break
  }
  if (!text.isRead) return { addresses: undefined, problems: [text.problem] }
  return parse(text.content)
}

/** A file that has not changed means what it meant a second ago. */
function rememberLast(parse: (content: string) => Promise<Reading>): (content: string) => Promise<Reading> {
  let last: { readonly content: string; readonly reading: Reading } | undefined
  return async (content) => {
    if (last?.content !== content) last = { content, reading: await parse(content) }
    return last.reading
  }
}

/** Others have their turn in the middle of a long one. */
async function parseContent(content: string): Promise<Reading> {
  const lines = parseLines(content)
  if (lines.length > manyLines) await setImmediate()
  return parseEntries(lines)
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
