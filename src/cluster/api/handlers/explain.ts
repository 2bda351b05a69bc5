import { parseExactJson } from '../../../core/exact-json.ts'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { explain } from '../../explain.ts'
import type { Explanation, RankedVerdict } from '../../explain.ts'
import type { PlacementRequest } from '../../placement.ts'
import { isFields } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { createNames, foldNames } from '../body-names.ts'
import { paramsOf, readJsonBody } from '../call.ts'
import type { Api, Call, Handler } from '../call.ts'
import { followImage } from './image-system.ts'
import { planCreate } from './plan-create.ts'
import { findHeldData, goToVolumes, warnOfVolume } from './volume-homes.ts'

/**
 * Says where a create with this body would go at this moment, and what stands against each node. Reserves nothing
 * and asks engines for nothing that changes them.
 */
export const explainCreate: Handler = async (api, call) => {
  const params = paramsOf(call)
  const body = await readJsonBody(call)
  const name = (params.get('name') ?? '').replace(/^\//, '')
  await answer(api, call, name, body)
}

/** The same for those who only have an address line: the body is in `config=`, or there is just `image=`. */
export const explainQuery: Handler = async (api, call) => {
  const params = paramsOf(call)
  const body = foldNames(readConfig(params.get('config') ?? '', call.exchange.connection.limits.jsonDepth), createNames)
  const image = params.get('image')
  const name = (params.get('name') ?? '').replace(/^\//, '')
  await answer(api, call, name, image === null ? body : { ...body, Image: image })
}

function readConfig(text: string, jsonDepth: number): Fields {
  if (text === '') return {}
  let value: unknown
  try {
    value = parseExactJson(text, jsonDepth)
  } catch (error) {
    throw new FlotillaError('io/protocol', `invalid config: ${toMessage(error)}`, { status: 400, cause: error })
  }
  if (isFields(value)) return value
  throw new FlotillaError('io/protocol', 'config is not a JSON object', { status: 400 })
}

async function answer(api: Api, call: Call, name: string, body: Fields): Promise<void> {
  const plan = await planCreate(api, name, body, paramsOf(call).get('platform') ?? '')
  const request = await followImage(api, call, plan.draft.request, plan.request)
  await api.cluster.settled()
  await api.cluster.judge(request)
  let explanation = judge(api, goToVolumes(request, plan.volumes.homes))
  let warnings: readonly string[] = []
  const held = explanation.placement.kind === 'refused' && findHeldData(api, plan.volumes, plan.volumes.homes)
  if (explanation.placement.kind === 'refused' && plan.volumes.homes.length > 0 && !held) {
    explanation = judge(api, request)
    if (explanation.placement.kind === 'placed') warnings = plan.volumes.homes.map(warnOfVolume)
  }
  const { network } = plan
  const why = held
    ? `${held}: `
    : network === undefined || explanation.placement.kind === 'placed'
      ? ''
      : `network ${network.name} is on node ${network.node} only, which cannot take the container: `
  call.exchange.replyJson(200, render(api, plan.draft.request, explanation, why, warnings))
}

function judge(api: Api, request: PlacementRequest): Explanation {
  return explain(api.cluster.snapshot().nodes, request, api.cluster.policy)
}

function render(
  api: Api,
  request: PlacementRequest,
  explanation: Explanation,
  why: string,
  warnings: readonly string[],
): Fields {
  const { placement } = explanation
  const { policy, directory } = api.cluster
  const isTaken = request.name !== '' && directory.containersNamed(request.name).length > 0
  return {
    Name: request.name,
    Image: request.image,
    Strategy: policy.strategy.name,
    Filters: policy.filters.map((filter) => filter.name),
    IsPlaced: placement.kind === 'placed' && !isTaken,
    IsNameTaken: isTaken,
    IsByChance: explanation.isByChance,
    IsSoftIgnored: explanation.isSoftIgnored,
    Node: placement.kind === 'placed' && !explanation.isByChance ? placement.node.name : '',
    Refusal: placement.kind === 'placed' ? '' : why + placement.text,
    Blockers:
      placement.kind === 'placed'
        ? []
        : placement.blockers.map(({ filter, nodes, conditions }) => ({
            Filter: filter,
            Nodes: nodes,
            Conditions: conditions,
          })),
    Warnings: warnings,
    Nodes: explanation.nodes.map((row) => renderNode(api, row)),
  }
}

function renderNode(api: Api, row: RankedVerdict): Fields {
  const engineId = api.cluster.member(row.addr)?.view.engineId ?? ''
  const elsewhere = row.rank > 0 ? '' : api.rescheduler.observers.describe(engineId)
  return {
    Name: row.node,
    Address: row.addr,
    Rank: row.rank,
    IsChosen: row.isChosen,
    Weight: row.weight ?? null,
    RefusedBy: row.refusedBy,
    Why: elsewhere === '' ? row.why : `${row.why} (${elsewhere})`,
    Verdicts: row.verdicts.map(({ filter, isPassed, why }) => ({ Filter: filter, IsPassed: isPassed, Why: why })),
  }
}
