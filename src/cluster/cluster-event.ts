import type { NodeView } from './model.ts'
import { readFields, readText } from './wire.ts'
import type { Fields } from './wire.ts'

/** An engine's event as the cluster tells it: with the node it came from (classicswarm api/events.go). */
export function toClusterEvent(event: Fields, node: NodeView): Fields {
  const actor = readFields(event, 'Actor')
  const attributes = {
    ...readFields(actor, 'Attributes'),
    'node.name': node.name,
    'node.id': node.id,
    'node.addr': node.addr,
    'node.ip': node.ip,
  }
  const from = readText(event, 'from')
  return {
    ...event,
    ...(from === '' ? {} : { from: `${from} node:${node.name}` }),
    Actor: { ...actor, Attributes: attributes },
    node: { Name: node.name, Id: node.id, Addr: node.addr, Ip: node.ip },
  }
}

/** The cluster's own event: an engine came, went or returned. */
export function makeEngineEvent(action: string, node: NodeView, nowMs: number): Fields {
  const base = { status: action, from: 'swarm', Type: 'swarm', Action: action, Actor: { ID: node.id, Attributes: {} } }
  const time = Math.floor(nowMs / 1000)
  // Nanoseconds do not fit a number; the digits below the microsecond are noise anyway.
  return toClusterEvent({ ...base, time, timeNano: nowMs * 1e6 }, node)
}
