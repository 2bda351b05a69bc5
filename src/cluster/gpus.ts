import { isFields, readField, readFields, readList, readNumber, readText, readTexts } from './wire.ts'
import type { Fields } from './wire.ts'

/** GPUs a container asks for. All fields may be set, as `DeviceRequests` is a list. */
export interface GpuAsk {
  /** Any so many. */
  readonly count: number
  /** Exactly these, by index or UUID as the node names them. */
  readonly ids: readonly string[]
  /** Every GPU of the node, at least one. */
  readonly isAll: boolean
}

/** GPUs given away on a node. One that several containers asked for by ID is counted for each. */
export interface GpuUsage {
  readonly count: number
  readonly ids: readonly string[]
  /** Containers that took all there are. */
  readonly takers: number
}

/** Shared by all that ask for none, so that `===` tells. */
export const noGpus: GpuAsk = { count: 0, ids: [], isAll: false }
export const noGpuUsage: GpuUsage = { count: 0, ids: [], takers: 0 }

const cdiPrefix = 'nvidia.com/gpu='

/**
 * The GPUs among `HostConfig.DeviceRequests`: what `docker run --gpus` sends, and CDI names of NVIDIA devices.
 * Devices of other drivers ask for nothing here.
 */
export function readGpuAsk(hostConfig: Fields): GpuAsk {
  const requests = readList(hostConfig, 'DeviceRequests')
  if (requests.length === 0) return noGpus
  let count = 0
  let isAll = false
  const ids: string[] = []
  for (const request of requests) {
    if (!isFields(request)) continue
    const named = readTexts(request, 'DeviceIDs')
    if (readText(request, 'Driver') === 'cdi') {
      const gpus = named.filter((id) => id.startsWith(cdiPrefix)).map((id) => id.slice(cdiPrefix.length))
      isAll ||= gpus.includes('all')
      ids.push(...gpus.filter((id) => id !== 'all'))
    } else if (isForGpus(request)) {
      ids.push(...named)
      const wanted = readNumber(request, 'Count')
      if (wanted < 0) isAll = true
      else if (named.length === 0) count += wanted
    }
  }
  return count === 0 && ids.length === 0 && !isAll ? noGpus : { count, ids, isAll }
}

function isForGpus(request: Fields): boolean {
  const driver = readText(request, 'Driver')
  if (driver !== '' && driver !== 'nvidia') return false
  if (driver === 'nvidia') return true
  return readList(request, 'Capabilities').some((all) => Array.isArray(all) && all.includes('gpu'))
}

export function addGpus(usage: GpuUsage, ask: GpuAsk): GpuUsage {
  if (ask === noGpus) return usage
  return {
    count: usage.count + ask.count + ask.ids.length,
    ids: [...usage.ids, ...ask.ids],
    takers: usage.takers + (ask.isAll ? 1 : 0),
  }
}

/** The inverse of `addGpus`. */
export function removeGpus(usage: GpuUsage, ask: GpuAsk): GpuUsage {
  if (ask === noGpus) return usage
  const ids = [...usage.ids]
  for (const id of ask.ids) {
    const at = ids.indexOf(id)
    if (at >= 0) ids.splice(at, 1)
  }
  const count = usage.count - ask.count - ask.ids.length
  const takers = usage.takers - (ask.isAll ? 1 : 0)
  return count === 0 && takers === 0 && ids.length === 0 ? noGpuUsage : { count, ids, takers }
}

export function isSameGpus(a: GpuAsk, b: GpuAsk): boolean {
  return (
    a === b ||
    (a.count === b.count &&
      a.isAll === b.isAll &&
      a.ids.length === b.ids.length &&
      a.ids.every((id, index) => id === b.ids[index]))
  )
}

/** What keeps a node from giving these GPUs, as one phrase; `undefined` when nothing does. A GPU has one owner. */
export function findGpuShortage(ask: GpuAsk, gpus: readonly string[], usage: GpuUsage): string | undefined {
  if (ask === noGpus) return undefined
  const total = gpus.length
  if (total === 0) return 'it has no GPU'
  const unknown = ask.ids.find((id) => !gpus.includes(id))
  if (unknown !== undefined) return `it has no GPU ${unknown}`
  const taken = usage.takers > 0 ? undefined : ask.ids.find((id) => usage.ids.includes(id))
  if (taken !== undefined) return `GPU ${taken} is taken`
  const wanted = ask.isAll ? total : ask.count + ask.ids.length
  const free = usage.takers > 0 ? 0 : Math.max(0, total - usage.count)
  if (wanted <= free) return undefined
  return `${String(wanted)} GPUs are asked for, ${String(free)} of ${String(total)} are free`
}

export function renderGpuAsk(ask: GpuAsk): string {
  if (ask === noGpus) return ''
  return `${ask.isAll ? 'all' : String(ask.count)}/${ask.ids.map((id) => `${String(id.length)}:${id}`).join('')}`
}

const maxGpus = 1024

/**
 * The GPUs of an engine by name. Its operator's word counts first: label `gpus` or `gpu`, a number or a list of IDs.
 * Then what the engine was told of (`node-generic-resources`) or discovered (CDI, API 1.50 on). A runtime for
 * NVIDIA without any of these stands for one.
 */
export function readNodeGpus(info: Fields, labels: ReadonlyMap<string, string>): readonly string[] {
  const told = labels.get('gpus') ?? labels.get('gpu')
  if (told !== undefined) return parseGpus(told)
  const resources = readResources(info)
  if (resources.length > 0) return resources
  const discovered = readDiscovered(info)
  if (discovered.length > 0) return discovered
  return Object.keys(readFields(info, 'Runtimes')).some((name) => name.startsWith('nvidia')) ? ['0'] : []
}

/** What is neither a number nor IDs counts as no GPU. */
function parseGpus(text: string): readonly string[] {
  const trimmed = text.trim()
  if (/^\d+$/.test(trimmed)) return countUp(Number(trimmed))
  const ids = trimmed.split(',').map((id) => id.trim())
  return ids.every((id) => /^[\w.:-]+$/.test(id)) ? [...new Set(ids)] : []
}

function countUp(count: number): readonly string[] {
  return Array.from({ length: Math.min(count, maxGpus) }, (_, index) => String(index))
}

function readResources(info: Fields): readonly string[] {
  const ids: string[] = []
  for (const resource of readList(info, 'GenericResources')) {
    if (!isFields(resource)) continue
    const named = readFields(resource, 'NamedResourceSpec')
    if (isGpuKind(named)) ids.push(readText(named, 'Value'))
    const discrete = readFields(resource, 'DiscreteResourceSpec')
    if (isGpuKind(discrete)) ids.push(...countUp(readNumber(discrete, 'Value')))
  }
  return ids.slice(0, maxGpus)
}

function isGpuKind(spec: Fields): boolean {
  return /gpu$/i.test(readText(spec, 'Kind'))
}

/** The CDI generator of NVIDIA names a device several times: by index, by UUID, and all of them together. */
function readDiscovered(info: Fields): readonly string[] {
  const names: string[] = []
  for (const device of readList(info, 'DiscoveredDevices')) {
    const id = isFields(device) ? readField(device, 'ID') : undefined
    if (typeof id === 'string' && id.startsWith(cdiPrefix)) names.push(id.slice(cdiPrefix.length))
  }
  const indexes = names.filter((name) => /^\d+$/.test(name))
  return (indexes.length > 0 ? indexes : names.filter((name) => name !== 'all')).slice(0, maxGpus)
}
