import { randomUUID } from 'node:crypto'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import { OciLayout } from '../../engine/buildkit/oci-layout.ts'
import { pathExists } from '../../io/files.ts'
import type { ImageBuild, LayoutSource } from './definition.ts'
import { defaultCacheTag } from './frontend.ts'
import type { Layouts } from './frontend.ts'

/** The folders of a build, ready to be offered to the builder. */
export interface OpenLayouts extends Layouts {
  /** Name in the request → folder. */
  readonly stores: ReadonlyMap<string, OciLayout>
  /** Caches that are not there, which keeps nothing from being built. */
  readonly missing: readonly string[]
}

/** Caches go by the name of their folder, images as `oci:` and the first part of their address (moby/buildkit client/solve.go). */
function storeOf(folder: string): string {
  return `local:${folder}`
}

/**
 * Looks up what the folders hold that a build takes images and caches from.
 *
 * @throws {compose/invalid} for an image that is not there, naming service and context
 */
export async function openLayouts(build: ImageBuild): Promise<OpenLayouts> {
  const stores = new Map<string, OciLayout>()
  const contexts = new Map<string, string>()
  const caches = new Map<string, Map<string, string>>()
  const missing: string[] = []
  for (const [name, source] of Object.entries(build.contexts)) {
    if (source.kind !== 'layout') continue
    const layout = new OciLayout(source.folder)
    const digest = source.digest ?? (await findImage(layout, source, name, build.service))
    const id = randomUUID().replaceAll('-', '')
    stores.set(`oci:${id}`, layout)
    contexts.set(name, `oci-layout://${id}@${digest}`)
  }
  for (const { folder, attributes } of build.cacheFrom) {
    if (folder === undefined) continue
    const layout = new OciLayout(folder)
    stores.set(storeOf(folder), layout)
    if (attributes['digest'] !== undefined) continue
    const tag = attributes['tag'] ?? defaultCacheTag
    const found = (await pathExists(`${folder}/index.json`)) ? await layout.find(tag) : undefined
    if (found === undefined) {
      missing.push(tag === defaultCacheTag ? folder : `${folder}:${tag}`)
      continue
    }
    const tags = caches.get(folder) ?? new Map<string, string>()
    caches.set(folder, tags.set(tag, found.digest))
  }
  // One folder may be both: what may be written to may be read.
  for (const { folder } of build.cacheTo) {
    if (folder !== undefined) stores.set(storeOf(folder), new OciLayout(folder, true))
  }
  return { stores, contexts, caches, missing }
}

async function findImage(layout: OciLayout, source: LayoutSource, name: string, service: string): Promise<string> {
  const where = `additional_contexts.${name} of service "${service}"`
  const found = await layout.find(source.tag).catch((error: unknown) => {
    if (!isFlotillaError(error)) throw error
    throw new FlotillaError('compose/invalid', `${where}: ${error.message}`, { cause: error })
  })
  if (found !== undefined) return found.digest
  const wanted = source.tag === undefined ? 'no image "latest", and not just one' : `no image "${source.tag}"`
  throw new FlotillaError('compose/invalid', `${where}: ${source.folder} has ${wanted}`)
}

/**
 * Gives the caches that a build has written their names.
 *
 * @param answer what the builder says of its products
 * @throws {io/file} when a folder cannot be written
 */
export async function nameCaches(
  build: ImageBuild,
  { stores }: OpenLayouts,
  answer: ReadonlyMap<string, string>,
): Promise<void> {
  const manifest = answer.get('cache.manifest')
  if (manifest === undefined) return
  const descriptor = parseDescriptor(manifest)
  for (const { folder, attributes } of build.cacheTo) {
    if (folder !== undefined) {
      await stores.get(storeOf(folder))?.name(attributes['tag'] ?? defaultCacheTag, descriptor)
    }
  }
}

function parseDescriptor(text: string): { readonly mediaType: string; readonly digest: string; readonly size: number } {
  try {
    const value = JSON.parse(text) as { mediaType?: unknown; digest?: unknown; size?: unknown }
    const { mediaType, digest, size } = value
    if (typeof mediaType === 'string' && typeof digest === 'string' && typeof size === 'number') {
      return { mediaType, digest, size }
    }
  } catch {
    // Said below.
  }
  throw new FlotillaError('engine/protocol', `the builder calls its cache ${JSON.stringify(text)}`)
}
