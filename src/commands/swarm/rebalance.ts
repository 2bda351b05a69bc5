import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { renderTable } from '../../ui/table.ts'
import { withManagement } from './management.ts'
import type { rebalanceFlags } from './cluster-flags.ts'

interface Plan {
  readonly By: string
  readonly Threshold: number
  readonly DifferenceBefore: number
  readonly DifferenceAfter: number
  readonly Moves: readonly { readonly Name: string; readonly From: string; readonly To: string }[]
  readonly Begun: number
}

/** Prints the moves that would even the nodes out; with `--apply` they begin. */
export const run: Run<typeof rebalanceFlags> = async (ctx, flags) => {
  if (flags.plan && flags.apply) throw new FlotillaError('cli/usage', 'give either --plan or --apply')
  const body = { Apply: flags.apply, By: flags.by, Threshold: flags.threshold }
  const plan = await withManagement(ctx, flags, (management) =>
    management.ask<Plan>('POST', '/flotilla/rebalance', body),
  )
  if (flags.format === 'json') {
    ctx.stdout.write(`${JSON.stringify(plan, undefined, 2)}\n`)
    return
  }
  const unit = plan.By === 'containers' ? 'containers' : 'percent'
  if (plan.Moves.length === 0) {
    ctx.stdout.write(`nothing to move: the nodes differ by ${round(plan.DifferenceBefore)} ${unit}\n`)
    return
  }
  const rows = plan.Moves.map((move) => [move.Name, move.From, move.To])
  ctx.stdout.write(`${renderTable(['CONTAINER', 'FROM', 'TO'], rows)}\n`)
  const change = `difference of nodes: ${round(plan.DifferenceBefore)} ${unit} now, ${round(plan.DifferenceAfter)} after`
  ctx.stdout.write(`${change}${flags.apply ? `; ${String(plan.Begun)} moves begun` : '; --apply moves them'}\n`)
}

function round(value: number): string {
  return String(Number(value.toFixed(1)))
}
