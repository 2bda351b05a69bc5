import { FlotillaError } from '../../../core/errors.ts'
import type { PlacementRequest } from '../../placement.ts'
import { settleRequest, makeDraft } from '../../reschedule/draft.ts'
import { findVolumeHold } from '../../reschedule/decide.ts'
import { defaultThresholds, planRebalance } from '../../reschedule/rebalance.ts'
import type { RebalanceMeasure } from '../../reschedule/rebalance.ts'
import { readField } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { readJsonBody, readSwitch } from '../call.ts'
import type { Api, Handler } from '../call.ts'
import { writeDown } from './nodes.ts'

/**
 * `{"Apply": false, "By": "containers"|"resources", "Threshold": 1}`: which containers with a reschedule policy would
 * even the nodes out. With `Apply` they are moved, one step after the other, after the answer.
 */
export const rebalance: Handler = async (api, call) => {
  await api.cluster.settled()
  const body = await readJsonBody(call)
  const measure = readMeasure(body)
  const { nodes } = api.cluster.snapshot()
  const movable = await listMovable(api)
  const threshold = readThreshold(body, measure)
  const plan = planRebalance({ nodes, movable, policy: api.cluster.policy, measure, threshold })
  const isApplied = readSwitch(body, 'Apply')
  let begun = 0
  for (const move of isApplied ? plan.moves : []) {
    const record = api.rescheduler.recordOf(move.swarmId)
    if (record !== undefined && (await writeDown(() => api.rescheduler.request(record, move.to)))) begun += 1
  }
  call.exchange.replyJson(200, {
    By: measure,
    Threshold: threshold,
    DifferenceBefore: plan.before,
    DifferenceAfter: plan.after,
    Moves: plan.moves.map((move) => ({ Name: move.name, SwarmID: move.swarmId, From: move.from, To: move.to })),
    Begun: begun,
  })
}

function readMeasure(body: Fields): RebalanceMeasure {
  const by = readField(body, 'By') ?? ''
  if (by === '') return 'containers'
  if (by === 'containers' || by === 'resources') return by
  const given = typeof by === 'string' ? by.slice(0, 100) : `a ${typeof by}`
  throw new FlotillaError('cluster/invalid-option', `By must be containers or resources, not ${given}`, { status: 400 })
}

function readThreshold(body: Fields, measure: RebalanceMeasure): number {
  const value = readField(body, 'Threshold')
  if (value === undefined || value === null) return defaultThresholds[measure]
  if (typeof value === 'number' && value >= 1) return value
  throw new FlotillaError('cluster/invalid-option', 'Threshold must be a number from 1 up', { status: 400 })
}

/** Containers with a policy that are on a node in service, on no way elsewhere, and leave no data behind. */
async function listMovable(api: Api): Promise<ReadonlyMap<string, PlacementRequest>> {
  const movable = new Map<string, PlacementRequest>()
  for (const record of api.rescheduler.listRecords()) {
    if (!record.hasPolicy || record.move !== undefined) continue
    if (findVolumeHold(record, api.rescheduler.isVolumeLossAllowed) !== undefined) continue
    const draft = await makeDraft(api, record, record.generation, record.name)
    const request = await settleRequest(api, draft.request, record)
    if (typeof request !== 'string') movable.set(record.swarmId, request)
  }
  return movable
}
