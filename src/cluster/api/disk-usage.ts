import { FlotillaError } from '../../core/errors.ts'
import { isFields, readBoolean, readFields, readList, readNumber, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'

/** The version from which on a part can be asked for. */
export const partVersion = '1.42'
/** The version from which on engines sum disk use up by themselves, under other names. */
export const usageVersion = '1.52'
/** The last one that lists things alone. */
export const listVersion = '1.51'

/** The sums of one kind of thing. */
interface Usage {
  readonly ActiveCount: number
  readonly TotalCount: number
  readonly Reclaimable: number
  readonly TotalSize: number
  readonly Items?: readonly unknown[]
}

export interface UsageOptions {
  /** `container`, `image`, `volume`, `build-cache`; empty: all. */
  readonly types: readonly string[]
  /** With the things themselves. */
  readonly isVerbose: boolean
}

/** As engines do that know the parameter. @throws {cluster/invalid-option} status 400 */
export function checkUsageTypes(types: readonly string[]): void {
  const wrong = types.find((type) => !kinds.some((kind) => kind.type === type))
  if (wrong === undefined) return
  throw new FlotillaError('cluster/invalid-option', `unknown object type: ${wrong}`, { status: 400 })
}

/**
 * Disk use as of API 1.52 on, out of the lists of the versions before: the sums that clients made of those until then
 * (moby client/system_disk_usage.go).
 */
export function toUsage(lists: Fields, { types, isVerbose }: UsageOptions): Fields {
  const usages: Record<string, Usage> = {}
  for (const { type, field, list, sum } of kinds) {
    if (types.length > 0 && !types.includes(type)) continue
    const items = readList(lists, list).filter(isFields)
    usages[field] = { ...sum(items, lists), TotalCount: items.length, ...(isVerbose && { Items: items }) }
  }
  return usages
}

type Sums = Omit<Usage, 'TotalCount' | 'Items'>

const kinds: readonly {
  readonly type: string
  readonly field: string
  readonly list: string
  readonly sum: (items: readonly Fields[], lists: Fields) => Sums
}[] = [
  { type: 'image', field: 'ImageUsage', list: 'Images', sum: sumImages },
  { type: 'container', field: 'ContainerUsage', list: 'Containers', sum: sumContainers },
  { type: 'volume', field: 'VolumeUsage', list: 'Volumes', sum: sumVolumes },
  { type: 'build-cache', field: 'BuildCacheUsage', list: 'BuildCache', sum: sumBuildCache },
]

function add(items: readonly Fields[], size: (item: Fields) => number): number {
  return items.reduce((sum, item) => sum + size(item), 0)
}

/** Layers in common are counted once in the total and never as reclaimable; -1 stands for what is not known. */
function sumImages(items: readonly Fields[], lists: Fields): Sums {
  const unused = items.filter((item) => readNumber(item, 'Containers') <= 0)
  return {
    ActiveCount: items.length - unused.length,
    Reclaimable: add(unused, (item) => {
      const [size, shared] = [readNumber(item, 'Size'), readNumber(item, 'SharedSize')]
      return size < 0 || shared < 0 ? 0 : size - shared
    }),
    TotalSize: readNumber(lists, 'LayersSize'),
  }
}

function sumContainers(items: readonly Fields[]): Sums {
  const active = items.filter((item) => ['running', 'paused', 'restarting'].includes(readText(item, 'State')))
  const total = add(items, (item) => readNumber(item, 'SizeRw'))
  const used = add(active, (item) => readNumber(item, 'SizeRw'))
  return { ActiveCount: active.length, Reclaimable: total - used, TotalSize: total }
}

function sumVolumes(items: readonly Fields[]): Sums {
  const sizeOf = (item: Fields): number => Math.max(0, readNumber(readFields(item, 'UsageData'), 'Size'))
  const active = items.filter((item) => readNumber(readFields(item, 'UsageData'), 'RefCount') > 0)
  const total = add(items, sizeOf)
  return { ActiveCount: active.length, Reclaimable: total - add(active, sizeOf), TotalSize: total }
}

function sumBuildCache(items: readonly Fields[]): Sums {
  const own = items.filter((item) => !readBoolean(item, 'Shared'))
  const used = own.filter((item) => readBoolean(item, 'InUse'))
  const total = add(own, (item) => readNumber(item, 'Size'))
  return {
    ActiveCount: items.filter((item) => readBoolean(item, 'InUse')).length,
    Reclaimable: total - add(used, (item) => readNumber(item, 'Size')),
    TotalSize: total,
  }
}
