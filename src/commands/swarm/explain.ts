import type { Context, Run } from '../../cli/command.ts'
import { parseExactJson, renderExactJson } from '../../core/exact-json.ts'
import type { JsonValue } from '../../core/exact-json.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { renderTable } from '../../ui/table.ts'
import { toCreateBody } from './create-body.ts'
import { withManagement } from './management.ts'
import { readInput } from './read-input.ts'
import type { explainFlags } from './cluster-flags.ts'

/** The answer of `POST /flotilla/explain`. */
interface Explained {
  readonly IsPlaced: boolean
  readonly IsNameTaken: boolean
  readonly IsByChance: boolean
  readonly IsSoftIgnored: boolean
  readonly Name: string
  readonly Node: string
  readonly Strategy: string
  readonly Refusal: string
  readonly Warnings: readonly string[]
  readonly Nodes: readonly ExplainedNode[]
}

interface ExplainedNode {
  readonly Name: string
  readonly Address: string
  readonly Rank: number
  readonly IsChosen: boolean
  readonly Weight: number | null
  readonly RefusedBy: string
  readonly Why: string
}

/** Prints where a container would go and why not elsewhere. */
export const run: Run<typeof explainFlags> = async (ctx, flags, args) => {
  const given = flags.file === undefined ? {} : parseBody(await readInput(ctx, flags.file), flags.file)
  const body = toCreateBody(flags, args[0], given)
  const query = new URLSearchParams({ name: flags.name, platform: flags.platform })
  const path = `/flotilla/explain?${query.toString()}`
  const explained = await withManagement(ctx, flags, (management) =>
    management.ask<Explained>('POST', path, Buffer.from(renderExactJson(body as JsonValue))),
  )
  if (flags.format === 'json') ctx.stdout.write(`${JSON.stringify(explained, undefined, 2)}\n`)
  else printTable(ctx, explained)
  return explained.IsPlaced ? 0 : 1
}

function parseBody(text: string, file: string): Record<string, unknown> {
  let value: unknown
  try {
    value = parseExactJson(text)
  } catch (error) {
    throw new FlotillaError('cluster/invalid-option', `${file}: ${toMessage(error)}`, { cause: error })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new FlotillaError('cluster/invalid-option', `${file}: not a JSON object`)
}

function printTable(ctx: Context, explained: Explained): void {
  const nodes = explained.Nodes.toSorted((a, b) => toOrder(a) - toOrder(b))
  const rows = nodes.map((node) => [
    node.IsChosen ? '*' : '',
    node.Name === '' ? node.Address : node.Name,
    node.Rank === 0 ? '-' : String(node.Rank),
    node.Weight === null ? '-' : String(node.Weight),
    node.RefusedBy === '' ? 'passed' : node.RefusedBy,
    node.Why,
  ])
  ctx.stdout.write(`${renderTable(['', 'NODE', 'RANK', 'WEIGHT', 'FILTER', 'WHY'], rows, { minWidth: 2 })}\n\n`)
  ctx.stdout.write(`${summarize(explained)}\n`)
  if (explained.IsSoftIgnored) ctx.stdout.write('Soft conditions were dropped: no node meets them all.\n')
  for (const warning of explained.Warnings) ctx.stderr.write(`WARNING: ${warning}\n`)
}

/** Those that fit by rank, then the rest; the sort is stable and they came by name. */
function toOrder(node: ExplainedNode): number {
  return node.Rank === 0 ? Number.MAX_SAFE_INTEGER : node.Rank
}

function summarize(explained: Explained): string {
  if (explained.IsNameTaken) return `Refused: the name ${explained.Name} is already assigned.`
  if (!explained.IsPlaced) return `Refused: ${explained.Refusal}`
  if (!explained.IsByChance) return `Placed on ${explained.Node} (${explained.Strategy}).`
  const count = explained.Nodes.filter((node) => node.Rank > 0).length
  return `Placed on one of ${String(count)}, by chance (${explained.Strategy}).`
}
