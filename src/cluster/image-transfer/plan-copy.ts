import { splitTag, toFullReference } from '../image-name.ts'
import type { ImageView, NodeView } from '../model.ts'
import type { ImageFacts } from './image-facts.ts'

/** Nodes that have one and the same image. */
export interface ImageSource {
  readonly id: string
  readonly addrs: readonly string[]
}

interface Held {
  readonly node: NodeView
  readonly item: ImageView
}

/**
 * Who could give an image to `target`, the newest image first: one reference may name several where nodes pulled or built
 * at different times. Stores that name one image differently count as different sources.
 *
 * @param latest ID of the image that comes first whatever its age, because it was given the name last
 */
export function listSources(holders: readonly Held[], target: string, latest?: string): readonly ImageSource[] {
  const byId = new Map<string, { createdAtMs: number; addrs: string[] }>()
  for (const { node, item } of holders) {
    if (node.addr === target || node.health.state !== 'healthy') continue
    const entry = byId.get(item.id) ?? { createdAtMs: item.createdAtMs, addrs: [] }
    entry.addrs.push(node.addr)
    byId.set(item.id, entry)
  }
  return [...byId]
    .sort(([a, first], [b, second]) => {
      if (a === latest || b === latest) return a === latest ? -1 : 1
      return second.createdAtMs - first.createdAtMs || (a < b ? -1 : 1)
    })
    .map(([id, { addrs }]) => ({ id, addrs }))
}

/** The name an image gets on the target, or undefined when it was asked for by its ID. */
export interface Naming {
  readonly repo: string
  readonly tag: string
}

/**
 * What a reference has to lead to on the target: a name, an ID, or nothing that a copy could bring: an archive
 * carries no digest of a registry.
 */
export function planNaming(reference: string, holders: readonly Held[]): Naming | 'id' | 'none' {
  if (reference.includes('@')) return 'none'
  const full = toFullReference(reference)
  if (!holders.some(({ item }) => item.repoTags.includes(full))) return 'id'
  const { repository, tag } = splitTag(reference)
  return { repo: repository, tag: tag === '' ? 'latest' : tag }
}

/** Kernel names to Go's, as `uname` and engines spell them. */
const architectures: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  aarch64: 'arm64',
  armv8l: 'arm',
  armv7l: 'arm',
  armv6l: 'arm',
  i386: '386',
  i686: '386',
}

/**
 * Whether the image is one for that node. A platform that the client asked for goes before what the node is: engines
 * with an emulator run others too.
 */
export function fitsNode(
  image: Pick<ImageFacts, 'os' | 'architecture' | 'variant'>,
  node: Pick<NodeView, 'osType' | 'architecture'>,
  platform: string | undefined,
): boolean {
  if (platform !== undefined && platform !== '') {
    const parts = platform.toLowerCase().split('/')
    const [first = '', second, third] = parts
    if (parts.length === 1) return first === image.os || toGoName(first) === image.architecture
    const isVariant = third === undefined || image.variant === '' || third === image.variant
    return first === image.os && toGoName(second ?? '') === image.architecture && isVariant
  }
  const isSystem = node.osType === '' || image.os === '' || node.osType === image.os
  const isMachine =
    node.architecture === '' || image.architecture === '' || toGoName(node.architecture) === image.architecture
  return isSystem && isMachine
}

function toGoName(architecture: string): string {
  return architectures[architecture] ?? architecture
}
