import type { Context, Run } from '../../cli/command.ts'
import { withDeadline } from '../../core/deadline.ts'
import { toMessage } from '../../core/errors.ts'
import { mapLimit } from '../../core/limit.ts'
import { examine, worst } from '../../machine/doctor.ts'
import type { Finding } from '../../machine/doctor-certificates.ts'
import type { Store } from '../../machine/store.ts'
import { renderTable } from '../../ui/table.ts'
import { openMachine, openStore } from './open-machine.ts'
import type { doctorFlags } from './own-table.ts'
import { runOnMachine } from './run-own.ts'
import type { OnOutput } from './run-own.ts'

const parallel = 16

/** Examines machines; ends with 1 when something is wrong with one of them. */
export const run: Run<typeof doctorFlags> = async (ctx, flags, args) => {
  const store = openStore(ctx)
  const names = args.length > 0 ? [...new Set(args)] : await store.list()
  const rows = await mapLimit(names, parallel, async (name) => ({
    name,
    findings: await examineOne(ctx, store, name, flags.timeout * 1000),
  }))
  if (flags.format === 'json') {
    const reports = rows.map(({ name, findings }) => ({ machine: name, result: worst(findings), findings }))
    ctx.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`)
  } else {
    const cells = rows.flatMap(({ name, findings }) =>
      findings.map(({ check, severity, detail }) => [name, check, severity.toUpperCase(), detail]),
    )
    ctx.stdout.write(`${renderTable(['MACHINE', 'CHECK', 'RESULT', 'DETAIL'], cells, { minWidth: 5 })}\n`)
  }
  return worst(rows.flatMap(({ findings }) => findings)) === 'fail' ? 1 : 0
}

async function examineOne(ctx: Context, store: Store, name: string, timeoutMs: number): Promise<readonly Finding[]> {
  try {
    const { host, driver } = await openMachine(ctx, store, name)
    const limit = { deadlineMs: timeoutMs, signal: ctx.signal }
    return await withDeadline(ctx.clock, limit, (signal) =>
      examine(
        host,
        driver,
        { clock: ctx.clock, runShell: (command) => readShell(ctx, { store, name, signal }, command) },
        signal ? { signal } : {},
      ),
    )
  } catch (error) {
    if (ctx.signal.aborted) throw error
    return [{ check: 'machine', severity: 'fail', detail: toMessage(error) }]
  }
}

interface ShellSite {
  readonly store: Store
  readonly name: string
  /** Ends what runs on the machine: a file system that hangs must not outlive the report. */
  readonly signal: AbortSignal | undefined
}

async function readShell(
  ctx: Context,
  { store, name, signal }: ShellSite,
  command: readonly string[],
): Promise<string | undefined> {
  let output = ''
  const keep: OnOutput = (stream, text) => {
    if (stream === 'stdout' && output.length < 65_536) output += text
  }
  const code = await runOnMachine(ctx, store, name, command, keep, signal)
  return code === 0 ? output : undefined
}
