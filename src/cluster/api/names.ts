import { isValidated } from '../model.ts'
import type { ClusterSnapshot, NetworkView, NodeView, VolumeView } from '../model.ts'
import { areCopies, isLocalVolume } from '../volume-copies.ts'

/** Networks every engine has of its own accord, under the same name. */
export const builtinNetworks: ReadonlySet<string> = new Set(['bridge', 'host', 'none', 'nat'])

/** True for networks that live on one node only. */
export function isLocal(thing: { readonly scope: string }): boolean {
  return thing.scope === 'local'
}

/** What the endpoint calls a thing of a node. */
export type Rename<V> = (node: NodeView, thing: V) => string

/**
 * Names of networks: bare where a name means one thing on the whole fleet, `NODE/name` where it stands for several and
 * for what every engine has.
 */
export function nameNetworks(snapshot: ClusterSnapshot): Rename<NetworkView> {
  const ids = new Map<string, string>()
  const shared = new Set<string>(builtinNetworks)
  for (const node of snapshot.nodes) {
    if (!isValidated(node)) continue
    for (const { name, id } of node.networks) {
      const known = ids.get(name)
      if (known === undefined) ids.set(name, id)
      else if (known !== id) shared.add(name)
    }
  }
  return (node, network) =>
    isLocal(network) && shared.has(network.name) ? `${node.name}/${network.name}` : network.name
}

/** Names of volumes: bare where all copies were made by the same words, `NODE/name` for those that differ. */
export function nameVolumes(snapshot: ClusterSnapshot): Rename<VolumeView> {
  const first = new Map<string, VolumeView>()
  const shared = new Set<string>()
  for (const node of snapshot.nodes) {
    if (!isValidated(node)) continue
    for (const volume of node.volumes) {
      const known = first.get(volume.name)
      if (known === undefined) first.set(volume.name, volume)
      else if (!areCopies([known, volume])) shared.add(volume.name)
    }
  }
  return (node, volume) =>
    isLocalVolume(volume) && shared.has(volume.name) ? `${node.name}/${volume.name}` : volume.name
}
