import { FlotillaError } from '../../core/errors.ts'
import { toAscii } from '../ascii.ts'
import { isEveryInterface } from '../filters/port.ts'
import { toFullReference } from '../image-name.ts'
import type { ContainerSource } from '../container-order.ts'
import type { ContainerView, NodeView, PublishedPort } from '../model.ts'
import { renderStatus } from './container-status.ts'
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

export interface ContainerQuery {
  readonly isAll: boolean
  /** The newest so many; 0: no limit. */
  readonly limit: number
  readonly filters: ListFilters
  /** Query parameters of old clients; the filters of that name count too. */
  readonly before: string
  readonly since: string
}

/**
 * Chooses the containers a list call shows, in the order of `all`. Without `isAll`: running ones on healthy engines,
 * without those of the image `swarm`.
 *
 * @param all every container on validated nodes, newest first; read when the answer is, and no further than needed
 * @param find resolves `before` and `since`
 * @param named what the filter `name` says; undefined: it is not given
 * @throws {cluster/not-found} status 404, when `before` or `since` name no container
 */
export function selectContainers(
  all: ContainerSource,
  query: ContainerQuery,
  find: (reference: string) => ContainerView | undefined,
  named: NameTest | undefined,
): ContainerSource {
  const { filters, limit } = query
  const before = findBound(query.before || (filters.get('before')?.[0] ?? ''), find)
  const since = findBound(query.since || (filters.get('since')?.[0] ?? ''), find)
  const isAll = meansAll(query)
  const isWanted = compileQuery(filters, named)
  function isChosen(container: ContainerView, node: NodeView): boolean {
    if (!isAll && (node.health.state !== 'healthy' || !isShownByDefault(container))) return false
    if (before !== undefined && container.createdAtMs >= before.createdAtMs) return false
    if (since !== undefined && container.createdAtMs <= since.createdAtMs) return false
    return isWanted(container, node)
  }
  return {
    each(visit) {
      let chosen = 0
      all.each((container, node) => {
        if (!isChosen(container, node)) return true
        chosen += 1
        return visit(container, node) && (limit === 0 || chosen < limit)
      })
    },
  }
}

function findBound(
  reference: string,
  find: (reference: string) => ContainerView | undefined,
): ContainerView | undefined {
  if (reference === '') return undefined
  const found = find(reference)
  if (found !== undefined) return found
  throw new FlotillaError('cluster/not-found', `No such container: ${reference}`, { status: 404 })
}

/**
 * Whether a list shows what does not run or is out of reach. As in the ancestor: asking for what has ended, or for a number
 * of them, means all (api/handlers.go). The filters `before` and `since` are younger than it, and mean no such thing to
 * engines.
 */
export function meansAll({ isAll, limit, filters, before, since }: ContainerQuery): boolean {
  return isAll || limit > 0 || before !== '' || since !== '' || (filters.get('status') ?? []).length > 0
}

function isShownByDefault(container: ContainerView): boolean {
  return isRunning(container) && container.image !== 'swarm'
}

/** True while the container has processes, and with them its place on its networks. */
export function isRunning(container: ContainerView): boolean {
  const { state } = container
  return state === 'running' || state === 'paused' || state === 'restarting' || state === 'stopping'
}

/** One condition of a query. */
type Condition = (container: ContainerView, node: NodeView) => boolean

/**
 * All conditions of the query in one; only what was asked for costs anything, and no condition costs more for having more
 * values.
 */
function compileQuery(filters: ListFilters, named: NameTest | undefined): Condition {
  const conditions: Condition[] = []
  const isTask = readFlag(filters, 'is-task')
  const matchesPorts = compilePorts(filters)
  checkValues(filters, 'status', 'state', states)
  checkValues(filters, 'health', 'health', healths)
  checkNumbers(filters, 'exited')
  function add(key: string, make: (values: readonly string[]) => Condition): void {
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
function compileVolumes(values: readonly string[]): Condition {
  const isOne = compileByNode(values, (texts) => {
    const known = new Set(texts)
    return (text) => known.has(text)
  })
  return ({ mounts }, { name }) =>
    mounts.some((mount) => isOne(mount.name, name) || isOne(mount.target, name) || isOne(mount.source, name))
}

/** By name, as volumes, or by the beginning of the ID. */
function compileNetworks(values: readonly string[]): Condition {
  const isOne = compileByNode(values, (texts) => {
    const known = new Set(texts)
    return (text) => known.has(text)
  })
  const begins = compileByNode(values, (texts) => startsWithAny(texts.filter((text) => text.length >= 12)))
  return ({ endpoints }, { name }) =>
    endpoints.some((each) => isOne(each.network, name) || begins(each.networkId, name))
}

/** A name without a tag means `latest`, as on one engine; or the beginning of an image's ID. */
function compileAncestors(values: readonly string[]): Condition {
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
