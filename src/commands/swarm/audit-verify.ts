import type { Run } from '../../cli/command.ts'
import type { ChainEnd } from '../../cluster/audit/line.ts'
import { ChainWalk } from '../../cluster/audit/verify.ts'
import { FlotillaError } from '../../core/errors.ts'
import { readRing } from '../../io/ring-lines.ts'
import { readAuditFile } from './audit-file.ts'
import type { auditVerifyFlags } from './audit-flags.ts'

/** Walks an audit log along its chain. Exit code 1 at the first line that does not fit. */
export const run: Run<typeof auditVerifyFlags> = async (ctx, flags, args) => {
  const path = readAuditFile(ctx, args, 'verify')
  const walk = new ChainWalk(flags.expect === undefined ? undefined : parseAnchor(flags.expect))
  for await (const line of readRing(path, ctx.clock)) {
    const broken = walk.take(line)
    if (broken === undefined) continue
    const where = `audit log broken at ${JSON.stringify(broken.file)} line ${broken.number}`
    throw new FlotillaError('io/file', `${where}: ${broken.why}`, { exitCode: 1 })
  }
  const missed = walk.end()
  if (missed !== undefined)
    throw new FlotillaError('io/file', `audit log ${JSON.stringify(path)}: ${missed}`, { exitCode: 1 })
  const { lines, segments, first, last, gaps } = walk.report()
  if (first === undefined || last === undefined) {
    ctx.stdout.write(`${path}: no lines\n`)
    return 0
  }
  const span = `from ${first.end.seq} (${String(first.fields['time'])}) to ${last.end.seq} (${String(last.fields['time'])})`
  ctx.stdout.write(`${path}: ${count(lines, 'line')} in ${count(segments, 'segment')} hold together, ${span}\n`)
  for (const { end, fields } of gaps) {
    const { lost, refused, since, time } = fields
    const what = `${String(lost)} lines could not be written, ${String(refused)} requests were turned away`
    ctx.stdout.write(`line ${end.seq}: ${what}, from ${String(since)} to ${String(time)}\n`)
  }
  ctx.stdout.write(`${last.end.seq}:${last.end.hash}\n`)
  return 0
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function parseAnchor(text: string): ChainEnd {
  const [whole, seq = '', hash = ''] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? []
  if (whole !== undefined) return { seq: Number(seq), hash }
  throw new FlotillaError('cli/usage', `--expect ${JSON.stringify(text)} is not NUMBER:HASH, as verify prints it last`)
}
