import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { countStates } from '../../info.ts'
import { unmarked } from '../../model.ts'
import type { Availability, NodeMark, NodeView } from '../../model.ts'
import type { MoveView } from '../../reschedule/moves.ts'
import { renderSight } from '../../reschedule/sight.ts'
import { isFields, readField } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { readJsonBody, readSwitch } from '../call.ts'
import type { Api, Call, Handler } from '../call.ts'

/** The nodes with what operators decided about them. */
export const list: Handler = async (api, call) => {
  await api.cluster.settled()
  const moves = groupMoves(api)
  call.exchange.replyJson(
    200,
    api.cluster.snapshot().nodes.map((node) => renderNode(api, node, moves.get(node.engineId) ?? [])),
  )
}

export const inspect: Handler = async (api, call) => {
  await api.cluster.settled()
  const node = findNode(api, call.name)
  const moves = groupMoves(api).get(node.engineId) ?? []
  call.exchange.replyJson(200, { ...renderNode(api, node, moves), Moves: moves.map(renderMove) })
}

/** Containers that are on their way to another node, or would be if they could. */
export const moves: Handler = (api, call) => {
  call.exchange.replyJson(200, api.rescheduler.listMoves().map(renderMove))
}

/** `{"Force": true}` moves containers without a reschedule policy too. */
export const drain: Handler = async (api, call) => {
  const isForced = readSwitch(await readJsonBody(call), 'Force')
  await setAvailability(api, call, 'drain', isForced)
}

export const undrain: Handler = (api, call) => setAvailability(api, call, 'active', false)
export const cordon: Handler = (api, call) => setAvailability(api, call, 'pause', false)

/** `{"Labels": {"key": "value", "gone": null}}`: live labels on top of the engine's; null takes one back. */
export const setLabels: Handler = async (api, call) => {
  const node = findNode(api, call.name)
  const changes = readField(await readJsonBody(call), 'Labels')
  if (!isFields(changes)) throw invalid('the body must be {"Labels": {"KEY": "VALUE" or null}}')
  const { mark, isForced } = api.rescheduler.markOf(node.engineId) ?? { mark: unmarked, isForced: false }
  await store(api, call, node, { ...mark, labels: changeLabels(mark.labels, changes) }, isForced)
}

const keyPattern = /^[a-zA-Z_][a-zA-Z0-9\-_.]+$/
const maxLabels = 1000
const maxLabelLength = 1024

function changeLabels(before: ReadonlyMap<string, string>, changes: Fields): ReadonlyMap<string, string> {
  const labels = new Map(before)
  for (const [key, value] of Object.entries(changes)) {
    if (key === 'node') throw invalid('label "node" is reserved')
    if (!keyPattern.test(key) || key.length > maxLabelLength)
      throw invalid(`label key ${JSON.stringify(key.slice(0, 100))} is invalid`)
    if (value === null) labels.delete(key)
    else if (typeof value === 'string' && value.length <= maxLabelLength) labels.set(key, value)
    else
      throw invalid(`the value of label ${key} must be a text of at most ${String(maxLabelLength)} characters, or null`)
  }
  if (labels.size > maxLabels) throw invalid(`a node can have at most ${String(maxLabels)} live labels`)
  return labels
}

function invalid(message: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message, { status: 400 })
}

async function setAvailability(api: Api, call: Call, availability: Availability, isForced: boolean): Promise<void> {
  const node = findNode(api, call.name)
  const { mark } = api.rescheduler.markOf(node.engineId) ?? { mark: unmarked }
  await store(api, call, node, { ...mark, availability }, isForced)
}

async function store(api: Api, call: Call, node: NodeView, mark: NodeMark, isForced: boolean): Promise<void> {
  if (!api.rescheduler.isReady) {
    throw new FlotillaError('cluster/unhealthy', 'this manager does not lead, or cannot read its records yet', {
      status: 503,
    })
  }
  if (node.engineId === '') {
    throw new FlotillaError('cluster/unhealthy', `node ${call.name} has not been reached yet`, { status: 409 })
  }
  const isKept = await writeDown(() => api.rescheduler.setMark(node, mark, isForced))
  if (!isKept) {
    throw new FlotillaError('cluster/conflict', `node ${node.name} was changed through another manager, try again`, {
      status: 409,
    })
  }
  const now = api.cluster.snapshot().nodes.find((each) => each.addr === node.addr) ?? node
  call.exchange.replyJson(200, renderNode(api, now, groupMoves(api).get(node.engineId) ?? []))
}

/** Writes something where records are kept. @throws {cluster/unhealthy} status 503 when that cannot be reached */
export async function writeDown(write: () => Promise<boolean>): Promise<boolean> {
  try {
    return await write()
  } catch (error) {
    // It may have been written all the same: what stands there counts when it is read again.
    const message = `cannot write down what was asked for: ${toMessage(error)}`
    throw new FlotillaError('cluster/unhealthy', message, { status: 503, cause: error })
  }
}

/** Also nodes that are not in service: by name, engine ID, ID or address. */
function findNode(api: Api, reference: string): NodeView {
  const { nodes } = api.cluster.snapshot()
  const found = nodes.filter((node) => [node.name, node.id, node.engineId, node.addr].includes(reference))
  const [first, second] = found
  if (first === undefined) throw new FlotillaError('cluster/not-found', `no such node: ${reference}`, { status: 404 })
  if (second === undefined) return first
  const where = found.map((node) => node.addr).join(', ')
  throw new FlotillaError(
    'cluster/ambiguous',
    `node ${reference} could be one of several: give the address (${where})`,
    {
      status: 409,
    },
  )
}

function groupMoves(api: Api): ReadonlyMap<string, readonly MoveView[]> {
  const groups = new Map<string, MoveView[]>()
  for (const move of api.rescheduler.listMoves()) {
    const { engineId } = move.record.home
    const group = groups.get(engineId)
    if (group === undefined) groups.set(engineId, [move])
    else group.push(move)
  }
  return groups
}

function renderNode(api: Api, node: NodeView, leaving: readonly MoveView[]): Fields {
  const { all, running, paused, stopped } = countStates(node)
  const { cluster, rescheduler } = api
  const isReached = node.health.state === 'healthy'
  const sight = isReached ? undefined : rescheduler.observers.list().get(node.engineId)
  return {
    Name: node.name,
    ID: node.engineId,
    Addr: node.addr,
    IP: node.ip,
    State: node.health.state,
    /** Since when it has been in that state, and for how many milliseconds. */
    Since: new Date(node.stateSinceMs).toISOString(),
    StateAgeMs: Math.max(0, cluster.clock.nowMs() - node.stateSinceMs),
    Availability: node.availability,
    IsForced: rescheduler.markOf(node.engineId)?.isForced === true,
    Error: [node.errorText, renderSight(sight)].filter((text) => text !== '').join('; '),
    /** Other managers that reach it while this one does not. */
    ReachedBy: sight?.reachedBy ?? [],
    UpdatedAt: new Date(node.updatedAtMs).toISOString(),
    /** Milliseconds since anything about it was learned. */
    AgeMs: Math.max(0, cluster.clock.nowMs() - node.updatedAtMs),
    ServerVersion: node.serverVersion,
    ApiVersion: node.apiVersion,
    OSType: node.osType,
    Architecture: node.architecture,
    Role: node.swarmRole,
    Labels: Object.fromEntries(node.labels),
    LiveLabels: Object.fromEntries(cluster.markOf(node.engineId).labels),
    Resources: {
      Cpus: node.totalCpus,
      MemoryBytes: node.totalMemoryBytes,
      ReservedCpus: node.usage.nanoCpus / 1e9,
      ReservedMemoryBytes: node.usage.memoryBytes,
    },
    Containers: { Total: all, Running: running, Paused: paused, Stopped: stopped },
    ContainersPending: node.pending.length,
    ContainersLeaving: leaving.length,
    ContainersHeld: leaving.filter((move) => move.why !== '' && !move.isUnderWay).length,
  }
}

function renderMove({ record, kind, isUnderWay, why, waitMs }: MoveView): Fields {
  return {
    Container: record.home.containerId,
    Name: record.name,
    SwarmID: record.swarmId,
    Node: record.home.node,
    Target: record.move?.target?.node ?? record.move?.wanted ?? '',
    Reason: kind,
    State: isUnderWay ? 'moving' : why === '' ? 'waiting' : 'held',
    Why: why,
    RetryInMs: waitMs,
  }
}
