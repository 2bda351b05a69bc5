import type { Directory } from '../directory.ts'
import type { ClusterSnapshot } from '../model.ts'
import { readFields, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { isOwnImageName } from './image-names.ts'
import type { Lens } from './lens.ts'
import { TENANT_LABEL, ownerOf } from './owner.ts'

/** What tells whose the things are that events name. */
export interface HearingOptions {
  readonly lens: Lens
  /** As the tenant sees them, now. */
  readonly directory: () => Directory
  readonly snapshot: () => ClusterSnapshot
  /** Whether the tenant is making a thing of that name right now: its first event comes before anybody has seen it. */
  readonly isClaimed: (kind: 'network' | 'volume', name: string) => boolean
}

/** Things remembered for their last events; the oldest are forgotten first. */
const maxKnown = 10_000

/**
 * Whether the tenant may hear an event of the cluster, for one stream of events. Containers carry their labels in each of
 * theirs; networks and volumes are known by what the tenant had when the stream began and has made since. Of what concerns
 * engines, and of images with names that all share, nothing is told.
 */
export function makeHearing(options: HearingOptions): (event: Fields) => boolean {
  const { lens } = options
  const known = new Set<string>()
  function learn(key: string): true {
    known.delete(key)
    known.add(key)
    if (known.size > maxKnown) {
      const [oldest] = known
      if (oldest !== undefined) known.delete(oldest)
    }
    return true
  }
  for (const node of options.snapshot().nodes) {
    for (const each of node.networks) if (ownerOf(each.labels) === lens.tenant) learn(`network ${each.id}`)
    for (const each of node.volumes) learn(`volume ${each.name}`)
  }
  function isOwnContainer(id: string): boolean {
    return known.has(`container ${id}`) || options.directory().findContainerById(id).kind !== 'missing'
  }
  return (event) => {
    const actor = readFields(event, 'Actor')
    const id = readText(actor, 'ID') || readText(event, 'id')
    const attributes = readFields(actor, 'Attributes')
    const name = readText(attributes, 'name')
    switch (readText(event, 'Type')) {
      case 'container':
        return readText(attributes, TENANT_LABEL) === lens.tenant && learn(`container ${id}`)
      case 'network': {
        const container = readText(attributes, 'container')
        if (container !== '') return isOwnContainer(container)
        if (known.has(`network ${id}`)) return true
        return isOwnNetwork(options, id, name) && learn(`network ${id}`)
      }
      case 'volume': {
        if (known.has(`volume ${id}`)) return true
        const isOwn = options.isClaimed('volume', id) || options.directory().volumeHolders(id).length > 0
        return isOwn && learn(`volume ${id}`)
      }
      case 'image':
        return isOwnImageName(lens, name === '' ? id : name)
      default:
        return false
    }
  }
}

/** Those that all share have no owner, and are not told of. */
function isOwnNetwork({ lens, directory, isClaimed }: HearingOptions, id: string, name: string): boolean {
  if (isClaimed('network', name)) return true
  return directory()
    .networkHolders(id)
    .some(({ item }) => ownerOf(item.labels) === lens.tenant)
}
