import { readWith } from '../api/call.ts'
import type { Api } from '../api/call.ts'
import type { ClusterAccess } from '../cluster.ts'
import { GENERATION_LABEL } from '../model.ts'
import type { PlacementRequest } from '../placement.ts'
import { withLabels } from '../recipe.ts'
import { listConditions, parseCreate } from '../request.ts'
import type { CreateDraft } from '../request.ts'
import { TENANT_LABEL } from '../tenants/owner.ts'
import { settleAffinities } from '../tenants/settle-affinities.ts'
import { readFields, readText } from '../wire.ts'
import { listNetworkNodes } from './decide.ts'
import { listForeignNodes, listOthersNodes } from './foreign-nodes.ts'
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
 * The cluster as whoever owns the container gets it: the conditions that a tenant's container carries, and the names of
 * networks and volumes, are about the tenant's things when it is moved, too.
 */
export function clusterOfOwner(api: Api, { body }: Pick<ContainerRecord, 'body'>): ClusterAccess {
  const tenant = readText(readFields(body, 'Labels'), TENANT_LABEL)
  return (tenant === '' ? undefined : api.tenants?.clusterOf(api, tenant)) ?? api.cluster
}

/**
 * The request of a record with all that limits it: what its owner has, its networks, and the node that a rebalance wants.
 *
 * @returns why there is none, as a string
 */
export async function settleRequest(
  api: Api,
  request: PlacementRequest,
  record: ContainerRecord,
): Promise<PlacementRequest | string> {
  const cluster = clusterOfOwner(api, record)
  if (cluster === api.cluster) return limitRequest(api, request, record)
  await cluster.judge(request)
  return limitRequest(api, settleAffinities(request, cluster.snapshot().nodes, cluster.policy), record)
}

/**
 * The request for nodes that have what the container's networks need, and for the one that a rebalance wants.
 *
 * @returns why there is none, as a string
 */
export function limitRequest(api: Api, request: PlacementRequest, record: ContainerRecord): PlacementRequest | string {
  const { nodes } = api.cluster.snapshot()
  const own = clusterOfOwner(api, record).snapshot().nodes
  const fitting = listNetworkNodes(record, own)
  if (typeof fitting === 'string') return fitting
  const wanted = record.move?.wanted ?? ''
  let names: readonly string[] | undefined = fitting === undefined ? undefined : [...fitting]
  const foreign = own === nodes ? listOthersNodes(record, nodes) : listForeignNodes(record, nodes, own)
  if (foreign.size > 0) {
    names = (names ?? nodes.map((node) => node.name)).filter((name) => !foreign.has(name))
    if (names.length === 0) return 'every node has a network or volume of one of its names that is of somebody else'
  }
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
