import { FlotillaError } from '../../../core/errors.ts'
import { newestApiVersion } from '../../../engine/version.ts'
import type { ClusterSnapshot, ContainerView, NodeView } from '../../model.ts'
import { noRegex } from '../../regex.ts'
import { containerFilterKeys, spellNames } from '../container-filter.ts'
import { writeContainerRow } from '../container-json.ts'
import { meansAll, selectContainers } from '../list-containers.ts'
import type { ContainerQuery } from '../list-containers.ts'
import { imageFilterKeys, listImages } from '../list-images.ts'
import { checkNamePatterns, compileNames, isNameCostly, needsNameRegex, parseListFilters } from '../list-filter.ts'
import type { ListFilters, NameTest } from '../list-filter.ts'
import { listNetworks, listVolumes, networkFilterKeys, spellAll, volumeFilterKeys } from '../merge.ts'
import { collectEntries } from '../../container-order.ts'
import type { ContainerSource } from '../../container-order.ts'
import type { Exchange } from '../http1/exchange.ts'
import { ListWriter } from '../list-writer.ts'
import { matchBeforehand } from '../name-patterns.ts'
import { checkReferencePatterns, compileReferences, isReferenceCostly } from '../reference-filter.ts'
import type { TextTest } from '../value-tests.ts'
import { fetchSizes, noSizes } from './sizes.ts'
import { settleImages } from './image-holders.ts'
import type { Sizes } from './sizes.ts'
import { bridgeListedImage } from '../bridge/replies.ts'
import { isNewTo } from '../bridge/versions.ts'
import { isTrue, paramsOf } from '../call.ts'
import type { Api, Call, Handler } from '../call.ts'

/** The container list, from memory: rows are kept as text and are only strung together. */
export const containers: Handler = async (api, call) => {
  const params = paramsOf(call)
  const filters = parseListFilters(params.get('filters') ?? '', containerFilterKeys)
  await refreshFirst(api, filters)
  const named = await namesFor(api, filters, () => spellContainers(api))
  const query = {
    isAll: isTrue(params.get('all')),
    limit: readLimit(params.get('limit') ?? ''),
    filters,
    before: params.get('before') ?? '',
    since: params.get('since') ?? '',
  }
  const { directory, departed } = api.cluster
  const find = (reference: string): ContainerView | undefined => {
    const found = directory.findContainer(reference)
    const known = found.kind === 'missing' ? departed.find(reference) : found
    return known.kind === 'found' ? known.item : undefined
  }
  const chosen = selectContainers(containersFor(api, query), query, find, named)
  const sizes = isTrue(params.get('size')) ? await fetchSizes(api, call, collectEntries(chosen)) : noSizes
  const warning = sizes.missing.length === 0 ? [] : ['Warning', `199 - "no sizes from ${sizes.missing.join(', ')}"`]
  const { exchange } = call
  exchange.startStream(200, ['Content-Type', 'application/json', 'Api-Version', api.cluster.apiVersion, ...warning])
  await writeRows(api, exchange, chosen, sizes)
}

/**
 * Programs that ask by label (Compose, Testcontainers, clean-up jobs) work on what they are shown: they get what can be
 * worked on. People who look at the whole list see as well what was on engines that left discovery.
 */
function containersFor({ cluster }: Api, query: ContainerQuery): ContainerSource {
  const isByLabel = (query.filters.get('label') ?? []).length > 0
  return isByLabel || !meansAll(query) ? cluster.directory.containers() : cluster.containers()
}

/** Numbers below zero mean no limit. @throws {cluster/invalid-option} status 400 */
function readLimit(text: string): number {
  if (text === '') return 0
  if (/^[+-]?\d+$/.test(text)) return Math.max(0, Number(text))
  throw new FlotillaError('cluster/invalid-option', `invalid value ${JSON.stringify(text)} for limit`, { status: 400 })
}

/**
 * What the filter `name` says. A value is a regular expression; plain names need no engine for them. Where many have to be
 * matched, or by patterns, they have been by then.
 */
async function namesFor(api: Api, filters: ListFilters, names: () => Iterable<string>): Promise<NameTest | undefined> {
  if (!isNameCostly(filters)) return compileNames(filters, noRegex)
  checkNamePatterns(filters, api.limits.patternLength)
  const test = compileNames(filters, needsNameRegex(filters) ? await api.compile() : noRegex)
  if (test === undefined) return undefined
  const nowMs = (): number => api.cluster.clock.monotonicMs()
  return {
    any: await matchBeforehand((name) => test.any(name), names(), nowMs),
    withNode: await matchBeforehand((name) => test.withNode(name), names(), nowMs),
  }
}

function* spellContainers(api: Api): Generator<string, void> {
  for (const { container, node } of collectEntries(api.cluster.containers())) yield* spellNames(container, node)
}

/** The list is of one moment: what a client does not take at once is kept as it was then. */
async function writeRows(api: Api, exchange: Exchange, chosen: ContainerSource, sizes: Sizes): Promise<void> {
  const nowMs = api.cluster.clock.nowMs()
  const writer = new ListWriter(exchange)
  let rows = 0
  function write(container: ContainerView, node: NodeView): void {
    writeContainerRow(writer, container, node, nowMs, rows === 0 ? '[' : ',', sizes.byId.get(container.id))
    rows += 1
  }
  // Two lists, since a pair of each would be one more object for the collector.
  const containersLeft: ContainerView[] = []
  const nodesLeft: NodeView[] = []
  chosen.each((container, node) => {
    if (writer.isReady) write(container, node)
    else {
      containersLeft.push(container)
      nodesLeft.push(node)
    }
    return true
  })
  for (const [index, container] of containersLeft.entries()) {
    if (!writer.isReady) await writer.drain()
    if (exchange.isGone) return
    const node = nodesLeft[index]
    if (node !== undefined) write(container, node)
  }
  writer.write(rows === 0 ? '[]\n' : ']\n')
  writer.end()
}

/** Our own changes are read back first; and whole nodes, where the flags of the ancestor ask for it. */
async function refreshFirst(api: Api, filters: ListFilters): Promise<void> {
  const { settings, cluster } = api
  const nodes = settings.refreshOnNodeFilter ? (filters.get('node') ?? []) : []
  for (const reference of nodes) {
    const node = cluster.directory.findNode(reference)
    if (node !== undefined) void cluster.changed(cluster.memberOf(node), { what: 'containers' })
  }
  const names = filters.get('name') ?? []
  if (settings.refreshOnNameFilter !== '' && names.length === 1 && names[0] === settings.refreshOnNameFilter) {
    for (const member of cluster.healthyMembers()) void cluster.changed(member, { what: 'containers' })
  }
  const settled = cluster.settled()
  if (settled !== undefined) await settled
}

export const images: Handler = async (api, call) => {
  await settleImages(api)
  const params = paramsOf(call)
  const filters = parseListFilters(params.get('filters') ?? '', imageFilterKeys)
  const named = params.get('filter')
  const all = named === null || named === '' ? filters : new Map([...filters, ['reference', [named]] as const])
  const nowMs = api.cluster.clock.nowMs()
  const fits = await referencesFor(api, all)
  const rows = listImages(api.cluster.snapshot(), { isAll: isTrue(params.get('all')), filters: all, fits, nowMs })
  // Rows come from engines in their own newest version.
  const pair = { client: call.version ?? newestApiVersion, engine: newestApiVersion }
  reply(api, call, isNewTo(pair, '1.51') ? rows.map((row) => bridgeListedImage(row, pair)) : rows)
}

/** What the filter `reference` says; patterns have been matched by then. */
async function referencesFor(api: Api, filters: ListFilters): Promise<TextTest | undefined> {
  const fits = compileReferences(filters)
  if (fits === undefined || !isReferenceCostly(filters)) return fits
  checkReferencePatterns(filters, api.limits.patternLength)
  return matchBeforehand(fits, listReferences(api.cluster.snapshot()), () => api.cluster.clock.monotonicMs())
}

function* listReferences({ nodes }: ClusterSnapshot): Generator<string, void> {
  for (const { images: found } of nodes) {
    for (const { repoTags, repoDigests } of found) {
      yield* repoTags
      yield* repoDigests
    }
  }
}

export const networks: Handler = async (api, call) => {
  await api.cluster.settled()
  const filters = parseListFilters(paramsOf(call).get('filters') ?? '', networkFilterKeys)
  const named = await namesFor(api, filters, () => spellAll(api.cluster.snapshot(), 'networks'))
  reply(api, call, listNetworks(api.cluster.snapshot(), filters, named))
}

export const volumes: Handler = async (api, call) => {
  await api.cluster.settled()
  const filters = parseListFilters(paramsOf(call).get('filters') ?? '', volumeFilterKeys)
  const named = await namesFor(api, filters, () => spellAll(api.cluster.snapshot(), 'volumes'))
  reply(api, call, { Volumes: listVolumes(api.cluster.snapshot(), filters, named), Warnings: null })
}

function reply(api: Api, call: Call, value: unknown): void {
  call.exchange.replyJson(200, value, ['Api-Version', api.cluster.apiVersion])
}
