import { readBindings, protocolOf } from '../port-bindings.ts'
import type { NodeView, PortProtocol } from '../model.ts'
import { isFields, readBoolean, readFields, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'

/** Takes a number between two, both included, that nothing in the cluster has; undefined when all are in use. */
export type PickPort = (protocol: PortProtocol, from: number, to: number) => number | undefined

/** Whether a create leaves the choice of a port to the engine, so that two nodes may come upon the same one. */
export function leavesPortOpen(body: Fields): boolean {
  const hostConfig = readFields(body, 'HostConfig')
  if (readBoolean(hostConfig, 'PublishAllPorts')) return true
  return Object.values(readFields(hostConfig, 'PortBindings')).some(
    (list) => Array.isArray(list) && list.some((entry) => isFields(entry) && openRange(entry) !== undefined),
  )
}

export interface PortRange {
  readonly from: number
  readonly to: number
}

/**
 * The body of a create with numbers in the place of ports that are left open, `-p 80`, `-p 8000-8010:80` and `-P`.
 * What no number is left for stays open.
 *
 * @param exposed ports of the image, `80/tcp`, which `-P` publishes too
 * @param range where ports are taken from that may have any number
 */
export function choosePorts(body: Fields, exposed: readonly string[], range: PortRange, pick: PickPort): Fields {
  const hostConfig = readFields(body, 'HostConfig')
  const given = readFields(hostConfig, 'PortBindings')
  const bindings: Record<string, unknown> = {}
  for (const [target, list] of Object.entries(given)) {
    bindings[target] = Array.isArray(list) ? settleTarget(target, list, range, pick) : list
  }
  if (readBoolean(hostConfig, 'PublishAllPorts')) {
    const all = new Set([...Object.keys(readFields(body, 'ExposedPorts')), ...exposed])
    for (const target of all) {
      if (isBound(bindings, target)) continue
      const port = pick(protocolOf(target), range.from, range.to)
      if (port !== undefined) bindings[withProtocol(target)] = [{ HostIp: '', HostPort: String(port) }]
    }
  }
  return { ...body, HostConfig: { ...hostConfig, PortBindings: bindings } }
}

/** Bindings of one port that leave the same open get the same number: they are one port on several addresses. */
function settleTarget(target: string, list: readonly unknown[], range: PortRange, pick: PickPort): readonly unknown[] {
  const numbers = new Map<string, number | undefined>()
  return list.map((entry) => {
    const open = isFields(entry) ? openRange(entry) : undefined
    if (!isFields(entry) || open === undefined) return entry
    const { from, to } = open === 'any' ? range : open
    const key = `${from}-${to}`
    if (!numbers.has(key)) numbers.set(key, pick(protocolOf(target), from, to))
    const port = numbers.get(key)
    return port === undefined ? entry : { ...entry, HostPort: String(port) }
  })
}

/** What a binding leaves open: any number, one out of a range, or nothing. */
function openRange(entry: Fields): 'any' | PortRange | undefined {
  const text = readText(entry, 'HostPort').trim()
  if (text === '' || /^0+$/.test(text)) return 'any'
  const [claim] = readBindings({ '1/tcp': [{ HostPort: text }] })
  return claim === undefined || claim.from === claim.to ? undefined : claim
}

function isBound(bindings: Fields, target: string): boolean {
  const list = bindings[withProtocol(target)] ?? bindings[target.replace(/\/tcp$/, '')]
  return Array.isArray(list) && list.length > 0
}

function withProtocol(target: string): string {
  return target.includes('/') ? target : `${target}/tcp`
}

/** Whether a container of the node has the number, in whatever state, or is promised it. */
export function isTakenOn(node: NodeView, protocol: string, port: number): boolean {
  return node.usage.hostPorts.get(port)?.some((claim) => claim.protocol === protocol) === true
}

/** Numbers that some container has, or is promised, on any node. O(nodes) for each candidate. */
export function isTaken(nodes: readonly NodeView[], protocol: PortProtocol, port: number): boolean {
  return nodes.some((node) => isTakenOn(node, protocol, port))
}
