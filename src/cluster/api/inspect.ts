import { Buffer } from 'node:buffer'
import type { NodeView } from '../model.ts'

const networkSettings = Buffer.from('"NetworkSettings":{')
const ports = Buffer.from('"Ports":{')
const OPEN = 123
const CLOSE = 125

/**
 * Adds the node to a container's inspect reply and puts the node's address where a port is bound to all
 * interfaces. Works on the bytes: 64-bit numbers and unknown fields stay as they are, and nothing is parsed.
 * (Inside JSON strings a quote is escaped, so the two keys cannot be found in the middle of a value.)
 *
 * @returns the new body in pieces, most of them parts of `body`
 */
export function spliceInspect(body: Buffer, node: NodeView): readonly Buffer[] {
  const open = body.indexOf(OPEN)
  if (open < 0) return [body]
  return [renderNode(node), ...fixPorts(body.subarray(open + 1), node.ip)]
}

/** Written once per version of the node's facts: lists and counts that change all the time are not part of it. */
const rendered = new WeakMap<ReadonlyMap<string, string>, { readonly id: string; readonly bytes: Buffer }>()

function renderNode(node: NodeView): Buffer {
  const known = rendered.get(node.labels)
  if (known?.id === node.id) return known.bytes
  const text = JSON.stringify({
    ID: node.id,
    IP: node.ip,
    Addr: node.addr,
    Name: node.name,
    Cpus: node.cpus,
    Memory: node.memoryBytes,
    Labels: Object.fromEntries(node.labels),
  })
  const bytes = Buffer.from(`{"Node":${text},`)
  rendered.set(node.labels, { id: node.id, bytes })
  return bytes
}

function fixPorts(body: Buffer, ip: string): readonly Buffer[] {
  const settings = body.indexOf(networkSettings)
  const from = settings < 0 ? -1 : body.indexOf(ports, settings)
  const start = from + ports.length
  if (from < 0 || ip === '' || body[start] === CLOSE) return [body]
  const end = findClose(body, start)
  const text = body.toString('utf8', start, end)
  const fixed = text
    .replaceAll(/"HostIp":"(?:|0\.0\.0\.0|::)"/g, `"HostIp":${JSON.stringify(ip)}`)
    // Bound on both families: one address now, told once.
    .replaceAll(/(\{"HostIp":"[^"{}]*","HostPort":"\d+"\})(?:,\1)+/g, '$1')
  return fixed === text ? [body] : [body.subarray(0, start), Buffer.from(fixed), body.subarray(end)]
}

/** The brace that closes the map of ports: its keys and values hold none in their texts. */
function findClose(body: Buffer, start: number): number {
  let depth = 1
  for (let at = start; at < body.length; at += 1) {
    if (body[at] === OPEN) depth += 1
    else if (body[at] === CLOSE) depth -= 1
    if (depth === 0) return at
  }
  return body.length
}
