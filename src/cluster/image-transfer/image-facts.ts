import type { CallOptions } from '../../core/call.ts'
import { isFlotillaError } from '../../core/errors.ts'
import { mapLimit } from '../../core/limit.ts'
import { escapeImage } from '../../engine/api/call.ts'
import type { Engine } from '../../engine/engine.ts'
import { compareApiVersions } from '../../engine/version.ts'
import type { ImageView } from '../model.ts'
import { isFields, readBoolean, readFields, readList, readText, readTexts } from '../wire.ts'
import type { Fields } from '../wire.ts'

/** From this version on an engine says of an image whether all its content is there. */
const manifestsVersion = '1.48'

/** What an engine says of one of its images. */
export interface ImageFacts {
  readonly id: string
  readonly os: string
  /** As Go names it: `amd64`, `arm64`. */
  readonly architecture: string
  readonly variant: string
  /** Diff IDs, bottom first. */
  readonly layers: readonly string[]
  /** What containers made of it do when nothing else is said, as text that equal images have in common. */
  readonly behaviour: string
  /** False when the engine says that content is missing; true also when it cannot tell. */
  readonly isWhole: boolean
}

/** How an engine keeps images. */
export interface StoreFacts {
  /** In the content store of containerd, where the ID of an image is that of its manifest. */
  readonly isContainerd: boolean
  /** Whether `ImageFacts.isWhole` means anything. */
  readonly tellsMissing: boolean
}

/** Undefined when the engine has no such image. */
export async function inspectImageOn(
  engine: Engine,
  reference: string,
  o: CallOptions,
): Promise<ImageFacts | undefined> {
  const isTelling = compareApiVersions(await engine.apiVersion(o), manifestsVersion) >= 0
  try {
    const reply = await engine.request(
      {
        method: 'GET',
        path: `/images/${escapeImage(reference)}/json`,
        ...(isTelling ? { query: { manifests: true } } : {}),
      },
      o,
    )
    const value = await reply.json<unknown>()
    return isFields(value) ? readFacts(value) : undefined
  } catch (error) {
    if (isFlotillaError(error) && error.status === 404) return undefined
    throw error
  }
}

function readFacts(value: Fields): ImageFacts {
  const config = readFields(value, 'Config')
  const id = readText(value, 'Id')
  const manifests = readList(value, 'Manifests').filter(isFields)
  // An index may name images for other systems and attestations, which may be absent.
  const images = manifests.filter((each) => readText(each, 'Kind') === 'image')
  return {
    id,
    os: readText(value, 'Os'),
    architecture: readText(value, 'Architecture'),
    variant: readText(value, 'Variant'),
    layers: readTexts(readFields(value, 'RootFS'), 'Layers'),
    behaviour: JSON.stringify(
      ['Cmd', 'Entrypoint', 'Env']
        .map((key) => readTexts(config, key))
        .concat([[readText(config, 'WorkingDir'), readText(config, 'User')]]),
    ),
    isWhole: images.length === 0 || images.some((each) => readBoolean(each, 'Available')),
  }
}

export async function readStore(engine: Engine, o: CallOptions): Promise<StoreFacts> {
  const info = await (await engine.request({ method: 'GET', path: '/info' }, o)).json<unknown>()
  const rows = isFields(info) ? readList(info, 'DriverStatus') : []
  const isContainerd = rows.some((row) => Array.isArray(row) && String(row[1]).startsWith('io.containerd.'))
  const tellsMissing = compareApiVersions(await engine.apiVersion(o), manifestsVersion) >= 0
  return { isContainerd, tellsMissing }
}

/** Whether two engines speak of the same image, although their stores may name it differently. */
export function isSameImage(a: ImageFacts, b: ImageFacts): boolean {
  if (a.id === b.id) return true
  const isSameSystem = a.os === b.os && a.architecture === b.architecture && a.variant === b.variant
  return isSameSystem && a.behaviour === b.behaviour && JSON.stringify(a.layers) === JSON.stringify(b.layers)
}

/** Most images whose layers are remembered; what an ID stands for never changes. */
const layerCacheLimit = 10_000
/** Most images of a target that are looked at for one transfer, newest first. */
const lookLimit = 500

/** Layers of the images that engines have, asked once for each image. */
export class LayerCache {
  readonly #layers = new Map<string, readonly string[]>()

  /** Layers of all images of an engine. Those that it does not tell count as absent. */
  async list(engine: Engine, images: readonly ImageView[], o: CallOptions): Promise<readonly (readonly string[])[]> {
    const newest = [...images].sort((a, b) => b.createdAtMs - a.createdAtMs).slice(0, lookLimit)
    return mapLimit(newest, 8, async ({ id }) => {
      const known = this.#layers.get(id)
      if (known !== undefined) return known
      const facts = await inspectImageOn(engine, id, o)
      if (facts === undefined) return []
      this.remember(id, facts.layers)
      return facts.layers
    })
  }

  remember(id: string, layers: readonly string[]): void {
    this.#layers.set(id, layers)
    if (this.#layers.size <= layerCacheLimit) return
    const oldest = this.#layers.keys().next()
    if (oldest.done !== true) this.#layers.delete(oldest.value)
  }
}
