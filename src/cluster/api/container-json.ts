import { toAscii } from '../ascii.ts'
import { isEveryInterface } from '../filters/port.ts'
import type { ContainerView, NodeView, PublishedPort } from '../model.ts'
import { renderStatus } from './container-status.ts'

/** Takes the pieces of a list. */
export interface RowSink {
  /** @param text characters below 128 only */
  write(text: string): void
}

/**
 * Writes one element of the list as JSON, in ASCII: the kept text of its row, then what lists word by themselves.
 *
 * @param before what stands in front of the element
 * @param sizes JSON members with a comma in front
 */
export function writeContainerRow(
  sink: RowSink,
  container: ContainerView,
  node: NodeView,
  nowMs: number,
  before = '',
  sizes = '',
): void {
  const { row } = container
  const { name, ip } = node
  // Piece by piece: a text put together for a row is one more for the collector, thirty thousand times a list.
  sink.write(before)
  sink.write('{')
  sink.write(row.extended(container, name, ip) ?? row.keep(container, name, ip, renderRest(node, container)))
  sink.write(sizes)
  sink.write(',"Status":')
  sink.write(quote(renderStatus(container, node, nowMs)))
  sink.write('}')
}

/** What follows from the container and its node and does not change by itself. */
function renderRest(node: NodeView, container: ContainerView): string {
  const created = Math.trunc(container.createdAtMs / 1000)
  const ports = renderPorts(node, container)
  const names = renderNames(node, container)
  return `,"Names":[${names}],"Created":${created},"Ports":[${ports}],"State":"${container.state}"`
}

function renderNames(node: NodeView, { names }: ContainerView): string {
  let text = ''
  for (const name of names) text += `${text === '' ? '' : ','}${quote(`/${node.name}/${name}`)}`
  return text
}

const isPlain = /^[\w ./:()-]*$/

function quote(text: string): string {
  return isPlain.test(text) ? `"${text}"` : toAscii(JSON.stringify(text))
}

/** Ports bound to every interface are reached at the node's address; one bound on both families is told once. */
function renderPorts(node: NodeView, { published }: ContainerView): string {
  const [first] = published
  if (first === undefined) return ''
  if (published.length === 1) return renderPort(node, first)
  return [...new Set(published.map((port) => renderPort(node, port)))].join(',')
}

function renderPort(node: NodeView, { ip, privatePort, publicPort, protocol }: PublishedPort): string {
  const shown = publicPort !== undefined && isEveryInterface(ip) ? node.ip : ip
  const address = shown === '' ? '' : `"IP":${quote(shown)},`
  const outside = publicPort === undefined ? '' : `"PublicPort":${publicPort},`
  return `{${address}"PrivatePort":${privatePort},${outside}"Type":${quote(protocol)}}`
}
