import { changeNode } from '../copies.ts'
import type { ContainerView, ImageView, NetworkView, NodeView, Pending, VolumeView } from '../model.ts'
import { sumUsage } from '../usage.ts'
import { narrowImage } from './image-names.ts'
import type { Lens } from './lens.ts'
import { ownerOf } from './owner.ts'

/** Networks that every engine has, and every container may be on. */
const sharedNetworks: ReadonlySet<string> = new Set(['bridge', 'none'])

/** A version of a node, and what a tenant sees of it. */
export interface Narrowed {
  readonly from: NodeView
  readonly to: NodeView
}

/**
 * Makes what a tenant sees of nodes. Whatever is not found to be the tenant's is left out.
 *
 * @returns a function of a node and of what came out for the version before: lists that did not change keep their identity
 */
export function makeNarrowing(lens: Lens): (node: NodeView, before: Narrowed | undefined) => Narrowed {
  const images = new WeakMap<ImageView, { readonly seen: ImageView | undefined }>()
  function seeImage(image: ImageView): readonly ImageView[] {
    let known = images.get(image)
    if (known === undefined) images.set(image, (known = { seen: narrowImage(lens, image) }))
    return known.seen === undefined ? [] : [known.seen]
  }
  return (node, before) => {
    if (before?.from === node) return before
    const { from, to } = before ?? {}
    const hasSame = (key: 'containers' | 'pending' | 'images' | 'networks' | 'volumes'): boolean =>
      from !== undefined && from[key] === node[key]
    const containers =
      (hasSame('containers') ? to?.containers : undefined) ?? node.containers.filter((each) => isOwn(lens, each))
    const pending = (hasSame('pending') ? to?.pending : undefined) ?? node.pending.filter((each) => isOwn(lens, each))
    const narrowed = changeNode(node, {
      containers,
      pending,
      usage: sumUsage([...containers, ...pending]),
      images: (hasSame('images') ? to?.images : undefined) ?? node.images.flatMap(seeImage),
      networks:
        (hasSame('networks') ? to?.networks : undefined) ?? node.networks.filter((each) => seesNetwork(lens, each)),
      // Whose a volume is may depend on who uses it.
      volumes:
        (hasSame('volumes') && hasSame('containers') ? to?.volumes : undefined) ??
        node.volumes.filter(makeVolumeTest(lens, node)),
    })
    return { from: node, to: narrowed }
  }
}

function isOwn(lens: Lens, thing: ContainerView | Pending): boolean {
  return ownerOf(thing.labels) === lens.tenant
}

function seesNetwork(lens: Lens, network: NetworkView): boolean {
  if (ownerOf(network.labels) === lens.tenant) return true
  return network.scope === 'local' && isShared(lens, network)
}

function isShared(lens: Lens, { name, driver }: NetworkView): boolean {
  // Engines on Windows have `nat` in place of `bridge`.
  if (name === 'nat') return driver === 'nat'
  return sharedNetworks.has(name) || (name === 'host' && lens.seesHostNetwork)
}

/**
 * Engines make volumes by themselves, for images that ask for one and for containers that were moved, and label nothing:
 * such a volume is whose containers use it, when nobody else's do.
 */
function makeVolumeTest(lens: Lens, node: NodeView): (volume: VolumeView) => boolean {
  const uses = new Map<string, boolean>()
  for (const container of node.containers) {
    const isMine = isOwn(lens, container)
    for (const { name } of container.mounts) if (name !== '') uses.set(name, (uses.get(name) ?? true) && isMine)
  }
  return (volume) => {
    const owner = ownerOf(volume.labels)
    return owner === lens.tenant || (owner === '' && uses.get(volume.name) === true)
  }
}
