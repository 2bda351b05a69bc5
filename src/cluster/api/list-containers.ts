import { FlotillaError } from '../../core/errors.ts'
import type { CompileRegex } from '../expression.ts'
import { toAscii } from '../ascii.ts'
import { isEveryInterface } from '../filters/port.ts'
import { toFullReference } from '../image-name.ts'
import type { ContainerSource } from '../container-order.ts'
import type { ContainerView, NodeView, PublishedPort } from '../model.ts'
import { renderStatus } from './container-status.ts'
import { checkNumbers, checkValues, compileNames, hasLabels, readFlag } from './list-filter.ts'
import type { ListFilters } from './list-filter.ts'
import { compilePorts } from './port-filter.ts'

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
 * @throws {cluster/not-found} status 404, when `before` or `since` name no container
 */
export function selectContainers(
  all: ContainerSource,
  query: ContainerQuery,
  find: (reference: string) => ContainerView | undefined,
  compile: CompileRegex,
): ContainerSource {
  const { filters, limit } = query
  const before = findBound(query.before || (filters.get('before')?.[0] ?? ''), find)
  const since = findBound(query.since || (filters.get('since')?.[0] ?? ''), find)
  const isAll = meansAll(query)
  const isWanted = compileQuery(filters, compile)
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

/** All conditions of the query in one; only what was asked for costs anything. */
function compileQuery(filters: ListFilters, compile: CompileRegex): Condition {
  const conditions: Condition[] = []
  const matchesName = compileNames(filters, compile)
  const isTask = readFlag(filters, 'is-task')
  const matchesPorts = compilePorts(filters)
  checkValues(filters, 'status', 'state', states)
  checkValues(filters, 'health', 'health', healths)
  checkNumbers(filters, 'exited')
  function either(key: string, fits: (container: ContainerView, value: string, node: NodeView) => boolean): void {
    const values = filters.get(key) ?? []
    if (values.length > 0) {
      conditions.push((container, node) => values.some((value) => fits(container, value, node)))
    }
  }
  either('node', (_, value, node) => value === node.name || value === node.id || value === node.engineId)
  either('id', (container, value) => container.id.startsWith(value))
  either('status', (container, value) => value === container.state)
  either('exited', (container, value) => hasExited(container) && Number(value) === container.exitCode)
  either('health', (container, value) => value === container.healthCheck)
  // There are no other kinds of isolation on Linux.
  either('isolation', (_, value) => value === 'default')
  if ((filters.get('label') ?? []).length > 0) conditions.push((container) => hasLabels(filters, container.labels))
  // Containers of swarm services carry this label.
  if (isTask !== undefined) conditions.push(({ labels }) => labels.has('com.docker.swarm.task') === isTask)
  if (matchesPorts !== undefined) conditions.push((container) => matchesPorts(container.published))
  either('volume', (container, value, node) => hasVolume(container, dropNode(value, node)))
  if ((filters.get('ancestor') ?? []).length > 0) {
    const idsOn = makeImageIds()
    either('ancestor', (container, value, node) => isMadeFrom(container, value, idsOn(node, value)))
  }
  either('network', (container, value, node) => isOnNetwork(container, dropNode(value, node)))
  if (matchesName !== undefined) conditions.push((container, node) => isNamed(container, node, matchesName))
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

function isNamed(container: ContainerView, node: NodeView, matches: (name: string) => boolean): boolean {
  for (const name of spellNames(container, node)) if (matches(name)) return true
  return false
}

/** A network or volume written with the node of the container is meant there by its bare name. */
function dropNode(value: string, node: NodeView): string {
  return value.startsWith(`${node.name}/`) ? value.slice(node.name.length + 1) : value
}

function hasVolume(container: ContainerView, value: string): boolean {
  return container.mounts.some((mount) => mount.name === value || mount.target === value || mount.source === value)
}

function isOnNetwork(container: ContainerView, value: string): boolean {
  return container.endpoints.some(
    (each) => each.network === value || (value.length >= 12 && each.networkId.startsWith(value)),
  )
}

/** A name without a tag means `latest`, as on one engine. @param ids of the images that have the name there */
function isMadeFrom(container: ContainerView, value: string, ids: ReadonlySet<string>): boolean {
  if (ids.has(container.imageId) || toFullReference(container.image) === toFullReference(value)) return true
  const bareId = container.imageId.replace(/^sha256:/, '')
  return value.length >= 4 && bareId.startsWith(value.replace(/^sha256:/, ''))
}

/** IDs of the images that a node has under a name; every node is looked through once for each. */
function makeImageIds(): (node: NodeView, name: string) => ReadonlySet<string> {
  const found = new Map<string, Map<NodeView, ReadonlySet<string>>>()
  return (node, name) => {
    const byNode = found.get(name) ?? new Map<NodeView, ReadonlySet<string>>()
    found.set(name, byNode)
    const known = byNode.get(node)
    if (known !== undefined) return known
    const full = toFullReference(name)
    const images = node.images.filter((image) => image.repoTags.includes(full) || image.repoDigests.includes(full))
    const ids = new Set(images.map((image) => image.id))
    byNode.set(node, ids)
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
