import { changeContainer, changeNode } from '../copies.ts'
import type { ContainerView, NodeView } from '../model.ts'
import { isSameLoad, withContainers } from '../usage.ts'
import { renderEndpoints } from '../recipe.ts'
import { readField, readFields, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { decodeImage, decodeNetwork, decodeVolume } from './decode-lists.ts'
import { decodeContainer, describeContainer, isSameRow } from './decode.ts'
import type { ContainerAnswer, Detail } from './messages.ts'

/** Puts a container in, in the place of the one with its ID. */
export function putContainer(node: NodeView, container: ContainerView): NodeView {
  const at = node.containers.findIndex((each) => each.id === container.id)
  const before = node.containers[at]
  if (before === undefined) return withContainers(node, [...node.containers, container])
  const containers = node.containers.with(at, container)
  return isSameLoad(before, container) ? changeNode(node, { containers }) : withContainers(node, containers)
}

/** Takes a container out; the same node when it is not there. */
export function dropContainer(node: NodeView, id: string): NodeView {
  if (!node.containers.some((each) => each.id === id)) return node
  return withContainers(
    node,
    node.containers.filter((each) => each.id !== id),
  )
}

export function findContainer(node: NodeView, id: string): ContainerView | undefined {
  return node.containers.find((each) => each.id === id)
}

/** The outcome of reading one container; asks for its details when it turns out to be new. */
export function applyContainer(
  node: NodeView,
  id: string,
  answer: ContainerAnswer,
): { readonly node: NodeView; readonly needsInspect: boolean } {
  if (answer.row === undefined) return { node: dropContainer(node, id), needsInspect: false }
  const container = decodeContainer(answer.row, answer.inspect, findContainer(node, id), node)
  const isRecipeOld = answer.inspect === undefined && hasOtherEndpoints(container, answer.row)
  return { node: putContainer(node, container), needsInspect: container.isPartial || isRecipeOld }
}

/** True when networks were connected or disconnected since the recipe was read. */
function hasOtherEndpoints({ recipe }: ContainerView, row: Fields): boolean {
  if (recipe === undefined) return false
  return recipe.endpointIds !== renderEndpoints(readFields(readFields(row, 'NetworkSettings'), 'Networks'))
}

/**
 * The outcome of listing all containers. Those in `touched` changed after the listing began: they stay as they
 * are. Nodes and containers without change keep their identity.
 *
 * @returns also the IDs whose details have to be read: new ones, and those whose row differs
 */
export function applyContainers(
  node: NodeView,
  rows: readonly Fields[],
  touched: ReadonlySet<string>,
): { readonly node: NodeView; readonly inspect: readonly string[] } {
  const known = new Map(node.containers.map((each) => [each.id, each]))
  const kept = new Map<string, ContainerView>()
  const inspect: string[] = []
  for (const row of rows) {
    const id = readText(row, 'Id')
    const before = known.get(id)
    if (id === '' || touched.has(id)) continue
    if (before !== undefined && !before.isPartial && isSameRow(before, row)) {
      kept.set(id, before)
      if (before.state === 'restarting') inspect.push(id)
      continue
    }
    kept.set(id, decodeContainer(row, undefined, before, node))
    inspect.push(id)
  }
  for (const id of touched) {
    const before = known.get(id)
    if (before !== undefined) kept.set(id, before)
  }
  // Known ones keep their places, so that a list without change is the same list.
  const containers: ContainerView[] = []
  for (const before of node.containers) {
    const after = kept.get(before.id)
    if (after !== undefined) containers.push(after)
    kept.delete(before.id)
  }
  containers.push(...kept.values())
  const isSame =
    containers.length === node.containers.length && containers.every((each, index) => each === node.containers[index])
  return { node: isSame ? node : withContainers(node, containers), inspect }
}

/**
 * Inspect replies of containers whose rows are known. Those in `touched` changed after the reading began: they are
 * read by themselves.
 */
export function applyDetails(node: NodeView, answers: readonly Detail[], touched: ReadonlySet<string>): NodeView {
  const details = new Map(answers.filter(({ id }) => !touched.has(id)).map((each) => [each.id, each]))
  const containers: ContainerView[] = []
  let isSame = true
  for (const before of node.containers) {
    const detail = details.get(before.id)
    if (detail === undefined) containers.push(before)
    else {
      isSame = false
      if (detail.inspect !== undefined) containers.push(describeContainer(before, detail.inspect, node))
      else if (detail.failure !== undefined)
        containers.push(changeContainer(before, { isPartial: true, isUnread: false }))
    }
  }
  return isSame ? node : withContainers(node, containers)
}

/** The outcome of listing images. */
export function applyImages(node: NodeView, rows: readonly Fields[]): NodeView {
  const isSame =
    rows.length === node.images.length &&
    rows.every((row, index) => JSON.stringify(row) === JSON.stringify(node.images[index]?.row))
  return isSame ? node : changeNode(node, { images: rows.map(decodeImage) })
}

/** A collection whose members are told apart by a text. */
interface Keyed<V> {
  readonly list: readonly V[]
  readonly keyOf: (view: V) => string
  readonly decode: (row: Fields) => V
}

function mergeRows<V extends { readonly row: Fields }>(
  rows: readonly Fields[],
  touched: ReadonlySet<string>,
  { list, keyOf, decode }: Keyed<V>,
): readonly V[] {
  const known = new Map(list.map((each) => [keyOf(each), each]))
  const merged: V[] = []
  for (const row of rows) {
    const view = decode(row)
    const before = known.get(keyOf(view))
    if (touched.has(keyOf(view))) continue
    merged.push(before !== undefined && isSameListed(before.row, row) ? before : view)
  }
  for (const each of list) if (touched.has(keyOf(each))) merged.push(each)
  const isSame = merged.length === list.length && merged.every((each) => known.get(keyOf(each)) === each)
  return isSame ? list : merged
}

/** Inspect replies tell more than list rows; what the row says decides. */
function isSameListed(before: Fields, row: Fields): boolean {
  for (const key of Object.keys(row)) {
    if (key === 'Containers' || key === 'Status' || key === 'UsageData') continue
    if (JSON.stringify(readField(before, key)) !== JSON.stringify(readField(row, key))) return false
  }
  return true
}

export function applyNetworks(node: NodeView, rows: readonly Fields[], touched: ReadonlySet<string>): NodeView {
  const networks = mergeRows(rows, touched, { list: node.networks, keyOf: (each) => each.id, decode: decodeNetwork })
  return networks === node.networks ? node : changeNode(node, { networks })
}

export function applyVolumes(node: NodeView, rows: readonly Fields[], touched: ReadonlySet<string>): NodeView {
  const volumes = mergeRows(rows, touched, { list: node.volumes, keyOf: (each) => each.name, decode: decodeVolume })
  return volumes === node.volumes ? node : changeNode(node, { volumes })
}

/** The outcome of reading one network; no row: it is gone. */
export function applyNetwork(node: NodeView, id: string, row: Fields | undefined): NodeView {
  return changeNode(node, { networks: replaceIn(node.networks, (each) => each.id === id, row && decodeNetwork(row)) })
}

export function applyVolume(node: NodeView, name: string, row: Fields | undefined): NodeView {
  return changeNode(node, { volumes: replaceIn(node.volumes, (each) => each.name === name, row && decodeVolume(row)) })
}

function replaceIn<V>(list: readonly V[], isIt: (each: V) => boolean, after: V | undefined): readonly V[] {
  const at = list.findIndex(isIt)
  if (after === undefined) return at < 0 ? list : list.toSpliced(at, 1)
  return at < 0 ? [...list, after] : list.with(at, after)
}
