import { FlotillaError } from '../../core/errors.ts'
import type { Descriptor } from '../../engine/registry/client.ts'

/** Media types of Compose artifacts (docker/compose internal/oci/push.go). Wire constants. */
export const ARTIFACT = {
  project: 'application/vnd.docker.compose.project',
  emptyConfig: 'application/vnd.docker.compose.config.empty.v1+json',
  file: 'application/vnd.docker.compose.file+yaml',
  envFile: 'application/vnd.docker.compose.envfile',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
} as const

export const ANNOTATION = {
  version: 'com.docker.compose.version',
  file: 'com.docker.compose.file',
  envFile: 'com.docker.compose.envfile',
  extends: 'com.docker.compose.extends',
} as const

/** What a manifest of a Compose artifact asks to be written, in order. */
export interface ArtifactPart {
  /** Absent: a further document of the main file. */
  readonly name?: string
  readonly layer: Descriptor
}

export const limits: { readonly layers: number; readonly layerBytes: number } = {
  layers: 1000,
  layerBytes: 4 * 1024 * 1024,
}

interface ManifestShape {
  readonly mediaType?: unknown
  readonly artifactType?: unknown
  readonly config?: { readonly mediaType?: unknown }
  readonly layers?: unknown
  readonly manifests?: unknown
}

/**
 * Reads a manifest. Names of files come from whoever published it: nothing but a plain name is taken.
 *
 * @returns the parts, or the digest of the manifest that holds them when this is an index
 * @throws {compose/invalid}
 */
export function readArtifact(
  bytes: Uint8Array,
  reference: string,
):
  | { readonly kind: 'parts'; readonly parts: readonly ArtifactPart[] }
  | { readonly kind: 'index'; readonly digest: string } {
  const manifest = parse(bytes, reference)
  if (Array.isArray(manifest.manifests)) {
    const found = manifest.manifests.find((entry) => isDescriptor(entry) && entry.artifactType === ARTIFACT.project) as
      | Descriptor
      | undefined
    if (found === undefined) throw wrong(reference, 'it is an index without one')
    return { kind: 'index', digest: found.digest }
  }
  const type = manifest.artifactType ?? manifest.config?.mediaType
  if (type !== ARTIFACT.project && type !== ARTIFACT.emptyConfig) {
    throw wrong(reference, `it is ${typeof type === 'string' ? JSON.stringify(type) : 'something else'}`)
  }
  const { layers } = manifest
  if (!Array.isArray(layers) || !layers.every(isDescriptor)) throw wrong(reference, 'its manifest has no layers')
  if (layers.length > limits.layers) throw wrong(reference, `it has more than ${limits.layers} layers`)
  const parts = layers.flatMap((layer: Descriptor) => toPart(layer, reference))
  if (!parts.some((part) => part.name === undefined)) throw wrong(reference, 'it holds no Compose file')
  return { kind: 'parts', parts }
}

function parse(bytes: Uint8Array, reference: string): ManifestShape {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // Said below.
  }
  throw wrong(reference, 'its manifest is no JSON object')
}

function isDescriptor(value: unknown): value is Descriptor {
  if (typeof value !== 'object' || value === null) return false
  const { mediaType, digest, size } = value as Partial<Record<keyof Descriptor, unknown>>
  return typeof mediaType === 'string' && typeof digest === 'string' && Number.isSafeInteger(size)
}

function toPart(layer: Descriptor, reference: string): readonly ArtifactPart[] {
  const annotations = layer.annotations ?? {}
  if (layer.mediaType === ARTIFACT.envFile) {
    return [{ name: checkName(annotations[ANNOTATION.envFile], reference), layer }]
  }
  if (layer.mediaType !== ARTIFACT.file) return []
  if (!Object.hasOwn(annotations, ANNOTATION.extends)) return [{ layer }]
  return [{ name: checkName(annotations[ANNOTATION.file], reference), layer }]
}

/** The main file's own name, and names that would lead elsewhere on any system, are refused. */
function checkName(name: unknown, reference: string): string {
  const isPlain =
    typeof name === 'string' &&
    /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}$/.test(name) &&
    !name.endsWith('.') &&
    name.toLowerCase() !== mainName
  if (isPlain) return name
  throw new FlotillaError(
    'compose/invalid',
    `refusing ${reference}: ${JSON.stringify(name ?? '')} is no name of a file of its own`,
  )
}

export const mainName = 'compose.yaml'

function wrong(reference: string, why: string): FlotillaError {
  return new FlotillaError('compose/invalid', `${reference} is not a compose project OCI artifact: ${why}`)
}
