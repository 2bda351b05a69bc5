import { once } from 'node:events'
import type { Context, Run } from '../../cli/command.ts'
import { isFailure, matches, toRow, rowTitles } from '../../cluster/audit/selection.ts'
import type { Selection } from '../../cluster/audit/selection.ts'
import { readLine } from '../../cluster/audit/line.ts'
import { parseDurationMs } from '../../core/duration.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { readRing } from '../../io/ring-lines.ts'
import { renderTable } from '../../ui/table.ts'
import { readAuditFile } from './audit-file.ts'
import type { auditShowFlags } from './audit-flags.ts'

type Flags = FlagValues<typeof auditShowFlags>

/** Rows that are aligned together: a log may be far larger than memory. */
const blockRows = 500

/** Prints the lines of an audit log that fit. */
export const run: Run<typeof auditShowFlags> = async (ctx, flags, args) => {
  const path = readAuditFile(ctx, args, 'show')
  const selection = readSelection(ctx, flags)
  const unanswered = flags.json ? new Set<unknown>() : await listUnanswered(ctx, path)
  let unreadable = 0
  let rows: string[][] = []
  let titles: readonly string[] = rowTitles
  const flush = async (): Promise<void> => {
    if (rows.length > 0 || titles.length > 0) await write(ctx, `${renderTable(titles, rows)}\n`)
    rows = []
    titles = []
  }
  for await (const { text } of readRing(path, ctx.clock)) {
    const read = readLine(text)
    if (typeof read === 'string') unreadable += 1
    else if (matches(read.fields, selection) && (!selection.isFailed || isFailure(read.fields))) {
      if (flags.json) await write(ctx, `${text}\n`)
      // What was asked and what came of it are one row.
      else if (read.fields['kind'] !== 'asked' || unanswered.has(read.fields['request'])) rows.push(toRow(read.fields))
    }
    if (rows.length >= blockRows) await flush()
  }
  if (!flags.json) await flush()
  if (unreadable > 0)
    ctx.stderr.write(`WARNING: ${unreadable} lines are not as they were written: see swarm audit verify\n`)
}

/** Requests that were asked for and of whose end nothing is written: they are under way, or the manager died. */
async function listUnanswered(ctx: Context, path: string): Promise<ReadonlySet<unknown>> {
  const open = new Set<unknown>()
  for await (const { text } of readRing(path, ctx.clock)) {
    const read = readLine(text)
    if (typeof read === 'string') continue
    const { kind, request } = read.fields
    if (kind === 'asked') open.add(request)
    else if (kind === 'done') open.delete(request)
  }
  return open
}

async function write(ctx: Context, text: string): Promise<void> {
  if (!ctx.stdout.write(text)) await once(ctx.stdout, 'drain', { signal: ctx.signal })
}

function readSelection(ctx: Context, flags: Flags): Selection {
  return {
    user: flags.user,
    sinceMs: flags.since === undefined ? undefined : readTime(ctx, 'since', flags.since),
    untilMs: flags.until === undefined ? undefined : readTime(ctx, 'until', flags.until),
    path: flags.path,
    isFailed: flags.failed,
  }
}

/** Epoch milliseconds of a time, or of so long ago. @throws {cli/usage} */
function readTime(ctx: Context, flag: string, text: string): number {
  const atMs = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isFinite(atMs)) return atMs
  try {
    return ctx.clock.nowMs() - parseDurationMs(text)
  } catch (error) {
    const wanted = 'a time like 2026-01-02T03:04:05Z, or a duration like 2h'
    throw new FlotillaError('cli/usage', `--${flag} ${JSON.stringify(text)} is not ${wanted}`, { cause: error })
  }
}
