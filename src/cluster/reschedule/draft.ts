import { readWith } from '../api/call.ts'
import type { Api } from '../api/call.ts'
import { GENERATION_LABEL } from '../model.ts'
import type { PlacementRequest } from '../placement.ts'
import { withLabels } from '../recipe.ts'
import { listConditions, parseCreate } from '../request.ts'
import type { CreateDraft } from '../request.ts'
import { listNetworkNodes } from './decide.ts'
import type { ContainerRecord } from './record.ts'
import { randomId } from '../../io/random-id.ts'

/** The create call for a record. */
export async function makeDraft(
  api: Api,
  record: ContainerRecord,
  generation: number,
  name: string,
): Promise<CreateDraft> {
  const body = withLabels(record.body, { [GENERATION_LABEL]: String(generation) })
  const compile = await readWith(api, listConditions(body))
  return parseCreate(name, body, compile, () => randomId(32), api.limits.patternLength)
}

/**
 * The request for nodes that have what the container's networks need, and for the one that a rebalance wants.
 *
 * @returns why there is none, as a string
 */
export function limitRequest(api: Api, request: PlacementRequest, record: ContainerRecord): PlacementRequest | string {
  const { nodes } = api.cluster.snapshot()
  const fitting = listNetworkNodes(record, nodes)
  if (typeof fitting === 'string') return fitting
  const wanted = record.move?.wanted ?? ''
  let names: readonly string[] | undefined = fitting === undefined ? undefined : [...fitting]
  if (wanted !== '') names = names === undefined || names.includes(wanted) ? [wanted] : []
  if (names === undefined) return request
  if (names.length === 0) return `node ${wanted} does not have the networks of the container`
  const value = names.join('|')
  const expression = {
    key: 'node',
    isNegated: false,
    value,
    isSoft: false,
    isLiteral: false,
    matches: (name: string) => name === value,
  }
  const before = request.whitelists
  const whitelists = { ...before, expressions: [...before.expressions, expression] }
  return { ...request, whitelists }
}
