import { toFullReference } from '../image-name.ts'
import type { ContainerView, NodeView } from '../model.ts'
import { checkNumbers, checkValues, compileLabels, readFlag } from './list-filter.ts'
import type { ListFilters, NameTest } from './list-filter.ts'
import { compilePorts } from './port-filter.ts'
import { compileByNode, compileEqual, compileNodes, startsWithAny } from './value-tests.ts'

/** Filter keys of `GET /containers/json`. */
export const containerFilterKeys: readonly string[] = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'name',
  'network',
  'node',
  'publish',
  'since',
  'status',
  'volume',
]

/** Whether a list shows a container. */
export type ContainerTest = (container: ContainerView, node: NodeView) => boolean

/**
 * All filters of a query in one test; only what was asked for costs anything, and no filter costs more for having more
 * values.
 *
 * @param named what the filter `name` says; undefined: it is not given
 * @throws {cluster/invalid-option} status 400, for values a filter does not take
 */
export function compileContainerFilters(filters: ListFilters, named: NameTest | undefined): ContainerTest {
  const conditions: ContainerTest[] = []
  const isTask = readFlag(filters, 'is-task')
  const matchesPorts = compilePorts(filters)
  checkValues(filters, 'status', 'state', states)
  checkValues(filters, 'health', 'health', healths)
  checkNumbers(filters, 'exited')
  function add(key: string, make: (values: readonly string[]) => ContainerTest): void {
    const values = filters.get(key) ?? []
    if (values.length > 0) conditions.push(make(values))
  }
  const isOnNode = compileNodes(filters)
  if (isOnNode !== undefined) conditions.push((_, node) => isOnNode(node))
  add('id', (values) => {
    const begins = startsWithAny(values)
    return ({ id }) => begins(id)
  })
  const hasState = compileEqual(filters, 'status')
  if (hasState !== undefined) conditions.push(({ state }) => hasState(state))
  add('exited', (values) => {
    const codes = new Set<number | undefined>(values.map(Number))
    return (container) => hasExited(container) && codes.has(container.exitCode)
  })
  const hasHealth = compileEqual(filters, 'health')
  if (hasHealth !== undefined) conditions.push(({ healthCheck }) => hasHealth(healthCheck))
  // There are no other kinds of isolation on Linux.
  add('isolation', (values) => {
    const isDefault = values.includes('default')
    return () => isDefault
  })
  add('label', () => {
    const hasThem = compileLabels(filters)
    return ({ labels }) => hasThem(labels)
  })
  // Containers of swarm services carry this label.
  if (isTask !== undefined) conditions.push(({ labels }) => labels.has('com.docker.swarm.task') === isTask)
  if (matchesPorts !== undefined) conditions.push((container) => matchesPorts(container.published))
  add('volume', compileVolumes)
  add('ancestor', compileAncestors)
  add('network', compileNetworks)
  if (named !== undefined) conditions.push((container, node) => isNamed(container, node, named))
  return (container, node) => {
    for (const condition of conditions) if (!condition(container, node)) return false
    return true
  }
}

const states: readonly string[] = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']
const healths: readonly string[] = ['none', 'starting', 'healthy', 'unhealthy']

function hasExited(container: ContainerView): boolean {
  return container.state === 'exited' || container.state === 'dead'
}

/** Each name as filters may mean it: bare, with a slash, with the node. */
export function* spellNames(container: ContainerView, node: NodeView): Generator<string, void> {
  for (const name of container.names) {
    yield name
    yield `/${name}`
    yield `${node.name}/${name}`
    yield `/${node.name}/${name}`
  }
}

/** By its names as they are and with a slash before; with the node where the filter has one. */
function isNamed(container: ContainerView, node: NodeView, named: NameTest): boolean {
  return container.names.some(
    (name) =>
      named.any(name) ||
      named.any(`/${name}`) ||
      named.withNode(`${node.name}/${name}`) ||
      named.withNode(`/${node.name}/${name}`),
  )
}

/** By name, target or source. One written with the node of the container is meant there by its bare name. */
function compileVolumes(values: readonly string[]): ContainerTest {
  const isOne = compileByNode(values, (texts) => {
    const known = new Set(texts)
    return (text) => known.has(text)
  })
  return ({ mounts }, { name }) =>
    mounts.some((mount) => isOne(mount.name, name) || isOne(mount.target, name) || isOne(mount.source, name))
}

/** By name, as volumes, or by the beginning of the ID. */
function compileNetworks(values: readonly string[]): ContainerTest {
  const isOne = compileByNode(values, (texts) => {
    const known = new Set(texts)
    return (text) => known.has(text)
  })
  const begins = compileByNode(values, (texts) => startsWithAny(texts.filter((text) => text.length >= 12)))
  return ({ endpoints }, { name }) =>
    endpoints.some((each) => isOne(each.network, name) || begins(each.networkId, name))
}

/** A name without a tag means `latest`, as on one engine; or the beginning of an image's ID. */
function compileAncestors(values: readonly string[]): ContainerTest {
  const wanted = new Set(values.map(toFullReference))
  const begins = startsWithAny(
    values.filter((value) => value.length >= 4).map((value) => value.replace(/^sha256:/, '')),
  )
  const idsOn = makeImageIds(wanted)
  // Containers of one image come by the thousand.
  const verdicts = new Map<string, boolean>()
  function isWantedName(image: string): boolean {
    const verdict = verdicts.get(image) ?? wanted.has(toFullReference(image))
    verdicts.set(image, verdict)
    return verdict
  }
  return ({ image, imageId }, node) =>
    idsOn(node).has(imageId) || isWantedName(image) || begins(imageId.replace(/^sha256:/, ''))
}

/** IDs of the images that a node has under one of the names; every node is looked through once. */
function makeImageIds(names: ReadonlySet<string>): (node: NodeView) => ReadonlySet<string> {
  const found = new Map<NodeView, ReadonlySet<string>>()
  const isNamedSo = (each: string): boolean => names.has(each)
  return (node) => {
    const known = found.get(node)
    if (known !== undefined) return known
    const images = node.images.filter((image) => image.repoTags.some(isNamedSo) || image.repoDigests.some(isNamedSo))
    const ids = new Set(images.map((image) => image.id))
    found.set(node, ids)
    return ids
  }
}
