import type { Located } from './directory.ts'
import type { NodeView, VolumeView } from './model.ts'
import { compareNodes } from './model.ts'
import { readLabels } from './wire.ts'

/** True for volumes whose data is on one node only. */
export function isLocalVolume(volume: VolumeView): boolean {
  return volume.driver === 'local' || volume.driver === ''
}

/** Kinds of file systems that a `local` volume mounts from elsewhere. */
const remoteKinds = /^(?:nfs|nfs4|cifs|smb3?|ceph|glusterfs|sshfs|fuse\..*)$/

/** Whether such a volume holds the same wherever it is made. @param type the option of that name */
export function isRemoteVolume(driver: string, type: string): boolean {
  return (driver !== 'local' && driver !== '') || remoteKinds.test(type)
}

/** True for a volume whose data is that of its node. */
export function hasOwnData(volume: VolumeView): boolean {
  return !isRemoteVolume(volume.driver, readLabels(volume.row, 'Options').get('type') ?? '')
}

/** True when a name that has these copies means one thing: all were made by the same words. */
export function areCopies(volumes: readonly VolumeView[]): boolean {
  const [first, ...others] = volumes
  return first === undefined || others.every((other) => isCopy(first, other))
}

function isCopy(a: VolumeView, b: VolumeView): boolean {
  return (
    a.driver === b.driver &&
    isSameMap(a.labels, b.labels) &&
    isSameMap(readLabels(a.row, 'Options'), readLabels(b.row, 'Options'))
  )
}

function isSameMap(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (a.size !== b.size) return false
  for (const [key, value] of a) if (b.get(key) !== value) return false
  return true
}

/**
 * The copy that speaks for all: on an engine that answers before one that does not, then one that a container of its
 * node uses, then the first by node name.
 */
export function chooseCopy<T extends Located<VolumeView>>(
  copies: readonly T[],
  isUsed: (node: NodeView, name: string) => boolean = usesVolume,
): T | undefined {
  const rank = ({ node, item }: T): number =>
    (node.health.state === 'healthy' ? 0 : 2) + (isUsed(node, item.name) ? 0 : 1)
  const ranked = copies.map((copy) => ({ copy, rank: rank(copy) }))
  ranked.sort((a, b) => a.rank - b.rank || compareNodes(a.copy.node, b.copy.node))
  return ranked[0]?.copy
}

/** Whether a container of the node, running or not, has the volume. */
function usesVolume(node: NodeView, name: string): boolean {
  return node.containers.some((each) => each.mounts.some((mount) => mount.kind === 'volume' && mount.name === name))
}
