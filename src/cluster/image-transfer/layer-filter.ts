import { findChainId, listChainIds } from './layers.ts'
import type { SieveRules } from './tar-sieve.ts'

export interface LayerFilterOptions {
  /** Diff IDs of all layers of the image, bottom first. */
  readonly layers: readonly string[]
  /** So many of them, from the bottom, are on the target. */
  readonly shared: number
  /** The target reads only archives of the newer layout with layers missing. */
  readonly isBlobsOnly: boolean
  /** A layer was left out, of that many bytes. */
  onDropped?(bytes: number): void
}

/**
 * Leaves the layers that the target has out of what `docker save` writes. Newer engines (25 on) name a layer's file
 * by its digest; in the classic layout each layer has a folder, whose `json` comes before `layer.tar`. A layer that is not
 * recognized for certain is sent.
 */
export function makeLayerFilter(options: LayerFilterOptions): SieveRules {
  const { layers, shared } = options
  const needed = new Set(layers.slice(shared))
  const chain = listChainIds(layers)
  const droppable = new Set<string>()
  const chainIds = new Set<string>()
  for (const [index, layer] of layers.slice(0, shared).entries()) {
    // The same content again further up is read from the archive there.
    if (needed.has(layer)) continue
    droppable.add(layer)
    chainIds.add(chain[index] ?? '')
  }
  const folders = new Set<string>()
  return {
    judge(entry) {
      if (!entry.isFile || droppable.size === 0) return 'pass'
      const blob = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(entry.name)?.[1]
      const [, folder, file] = /^([0-9a-f]{64})\/(json|layer\.tar)$/.exec(entry.name) ?? []
      const isClassic = folder !== undefined && !options.isBlobsOnly
      if (isClassic && file === 'json') return 'read'
      const isHere = blob === undefined ? isClassic && folders.has(folder) : droppable.has(`sha256:${blob}`)
      if (!isHere) return 'pass'
      options.onDropped?.(entry.size)
      return 'drop'
    },
    onRead(entry, content) {
      const folder = entry.name.slice(0, 64)
      if (findChainId(folder, content.toString('utf8'), chainIds) !== undefined) folders.add(folder)
    },
  }
}
