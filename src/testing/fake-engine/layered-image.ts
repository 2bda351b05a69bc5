import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { extract, pack } from 'tar-stream'
import { normalizeTag } from './state.ts'
import type { FakeImage, FakeState } from './state.ts'

/** What an engine does wrong with images. */
export interface ArchiveFaults {
  /** Content of an entry of a saved archive in place of the true one; undefined leaves the entry out. */
  readonly spoil?: (name: string, content: Buffer) => Buffer | undefined
  /** Cuts the connection before this entry. */
  readonly dieAt?: RegExp
  /** Words a load ends with in place of loading. */
  readonly loadError?: string
}

/** Content of an image: its layers, bottom first, and the text of its configuration. */
export interface ImageContent {
  readonly layers: readonly Buffer[]
  readonly configText: string
}

export function digestOf(content: Buffer | string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

/** Adds an image with real content, whose ID is that of its configuration. Without a tag it has no name. */
export function addLayeredImage(
  state: FakeState,
  tag: string | undefined,
  layers: readonly Buffer[],
  o: { readonly command?: string; readonly architecture?: string } = {},
): FakeImage {
  const configText = JSON.stringify({
    architecture: o.architecture ?? 'amd64',
    os: 'linux',
    config: { Cmd: [o.command ?? 'serve'] },
    rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
  })
  return put(state, { layers, configText }, tag === undefined ? [] : [tag])
}

function put(state: FakeState, content: ImageContent, tags: readonly string[]): FakeImage {
  const id = digestOf(content.configText)
  const { config } = JSON.parse(content.configText) as { readonly config?: FakeImage['config'] }
  const image: FakeImage = state.images.get(id) ?? {
    id,
    tags: new Set<string>(),
    config: config ?? {},
    size: content.layers.reduce((sum, layer) => sum + layer.length, 0),
    createdAtMs: state.clock.nowMs(),
    content,
  }
  for (const tag of tags.map(normalizeTag)) {
    for (const other of state.images.values()) other.tags.delete(tag)
    image.tags.add(tag)
  }
  state.images.set(id, image)
  return image
}

/** The archive of an image in the layout of engines since 25. */
export function saveLayered(state: FakeState, image: FakeImage, content: ImageContent, name: string): Readable {
  const isById = image.id.startsWith(name) || image.id.slice(7).startsWith(name)
  const configPath = `blobs/sha256/${image.id.slice(7)}`
  const layerPath = (layer: Buffer): string => `blobs/sha256/${digestOf(layer).slice(7)}`
  const manifest = {
    Config: configPath,
    RepoTags: isById ? null : [normalizeTag(name)],
    Layers: content.layers.map(layerPath),
  }
  const files = new Map<string, Buffer>(content.layers.map((layer) => [layerPath(layer), layer]))
  files.set(configPath, Buffer.from(content.configText))
  const entries: [string, Buffer][] = [...files].sort(([a], [b]) => (a < b ? -1 : 1))
  entries.push(['manifest.json', Buffer.from(JSON.stringify([manifest]))])
  const { spoil, dieAt } = state.archiveFaults
  const tar = pack()
  const write = async (): Promise<void> => {
    for (const [path, bytes] of entries) {
      if (dieAt?.test(path) === true) {
        // What came before is on its way first.
        await new Promise((resolve) => setImmediate(resolve))
        tar.destroy(new Error('the host died'))
        return
      }
      const given = spoil === undefined ? bytes : spoil(path, bytes)
      if (given === undefined) continue
      await new Promise<void>((resolve, reject) => {
        tar.entry({ name: path }, given, (error) => (error ? reject(error) : resolve()))
      })
    }
    tar.finalize()
  }
  write().catch((error: unknown) => tar.destroy(error as Error))
  return tar as unknown as Readable
}

/**
 * Loads an archive as engines do: layers that the engine has below the same layers need not be in it, all others are
 * checked against the configuration before the image exists.
 *
 * @returns what it says at the end, or undefined when the archive is none with content
 */
export async function loadLayered(state: FakeState, body: Readable): Promise<Loaded> {
  const files = new Map<string, Buffer>()
  for await (const entry of body.pipe(extract())) {
    const chunks: Buffer[] = []
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk)
    files.set(entry.header.name, Buffer.concat(chunks))
  }
  state.loads.push([...files.keys()])
  if (state.archiveFaults.loadError !== undefined) return { error: state.archiveFaults.loadError }
  const manifest = JSON.parse(files.get('manifest.json')?.toString() ?? '[]') as readonly ManifestImage[]
  const lines: string[] = []
  const plain: string[] = []
  for (const each of manifest) {
    if (each.Layers.length === 0) {
      plain.push(...(each.RepoTags ?? []))
      continue
    }
    const loaded = takeImage(state, each, files)
    if (typeof loaded === 'string') return { error: loaded }
    for (const tag of each.RepoTags ?? []) lines.push(`Loaded image: ${tag}`)
    if ((each.RepoTags ?? []).length === 0) lines.push(`Loaded image ID: ${loaded.id}`)
  }
  return { lines, plain }
}

export type Loaded =
  | { readonly error: string }
  /** `plain`: names of images without content. */
  | { readonly lines: readonly string[]; readonly plain: readonly string[] }

interface ManifestImage {
  readonly Config: string
  readonly RepoTags?: readonly string[] | null
  readonly Layers: readonly string[]
}

/** @returns the image, or why there is none */
function takeImage(state: FakeState, manifest: ManifestImage, files: ReadonlyMap<string, Buffer>): FakeImage | string {
  const configText = files.get(manifest.Config)?.toString()
  if (configText === undefined)
    return `open /var/lib/docker/tmp/docker-import-1/${manifest.Config}: no such file or directory`
  const { rootfs } = JSON.parse(configText) as { readonly rootfs: { readonly diff_ids: readonly string[] } }
  const layers: Buffer[] = []
  for (const [index, expected] of rootfs.diff_ids.entries()) {
    const known = findChain(state, rootfs.diff_ids.slice(0, index + 1))
    const path = manifest.Layers[index] ?? ''
    const layer = known ?? files.get(path)
    if (layer === undefined) return `open /var/lib/docker/tmp/docker-import-1/${path}: no such file or directory`
    const actual = digestOf(layer)
    if (actual !== expected) return `invalid diffID for layer ${index}: expected "${expected}", got "${actual}"`
    layers.push(layer)
  }
  return put(state, { layers, configText }, manifest.RepoTags ?? [])
}

function findChain(state: FakeState, chain: readonly string[]): Buffer | undefined {
  for (const { content } of state.images.values()) {
    if (content === undefined || content.layers.length < chain.length) continue
    if (chain.every((id, index) => digestOf(content.layers[index] ?? '') === id))
      return content.layers[chain.length - 1]
  }
  return undefined
}
