import type { NodeView } from '../model.ts'
import { isFields, readList, readNumber, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'

/**
 * The disk usage of an engine as far as it is the tenant's. Layers are counted with each image that has them: how much of
 * them is shared with images of others is not told; nor is what the builder keeps, which is nobody's.
 *
 * @param node as the tenant sees it
 */
export function narrowUsage(usage: Fields, node: NodeView): Fields {
  const containers = new Set(node.containers.map((each) => each.id))
  const uses = new Map<string, number>()
  for (const { imageId } of node.containers) uses.set(imageId, (uses.get(imageId) ?? 0) + 1)
  const images = new Map(node.images.map((each) => [each.id, each]))
  const volumes = new Set(node.volumes.map((each) => each.name))
  const rowsOf = (key: string): readonly Fields[] => readList(usage, key).filter(isFields)
  const seen = rowsOf('Images').flatMap((row) => {
    const image = images.get(readText(row, 'Id'))
    if (image === undefined) return []
    const { repoTags, repoDigests } = image
    return [{ ...row, RepoTags: repoTags, RepoDigests: repoDigests, Containers: uses.get(image.id) ?? 0 }]
  })
  return {
    LayersSize: seen.reduce((sum, row) => sum + Math.max(0, readNumber(row, 'Size')), 0),
    Images: seen,
    Containers: rowsOf('Containers').filter((row) => containers.has(readText(row, 'Id'))),
    Volumes: rowsOf('Volumes').filter((row) => volumes.has(readText(row, 'Name'))),
    BuildCache: [],
    BuilderSize: 0,
  }
}
