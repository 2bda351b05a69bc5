import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import type { Descriptor, RegistryClient } from '../../engine/registry/client.ts'
import { parseReference } from '../../engine/registry/reference.ts'
import { openRegistry } from './oci.ts'
import type { OciOptions } from './oci.ts'

/** Most bytes of one layer that is copied; it is held in memory. */
const maxLayerBytes = 1024 * 1024 * 1024

/**
 * An image's name with the digest it has in its registry now: `docker.io/library/busybox:latest@sha256:…`. A tag that
 * stands beside a digest says nothing and is left out, as in the reference program.
 *
 * @param askEngine asks the engine for the digest of what cannot be reached from here: it may know a way of its own, or
 * speak to the registry without TLS
 * @throws as reading a manifest does
 */
export async function pinImage(
  image: string,
  o: OciOptions,
  askEngine?: (reference: string) => Promise<string>,
): Promise<string> {
  const reference = parseReference(image)
  const host = reference.host === 'registry-1.docker.io' ? 'docker.io' : reference.host
  const repository = `${host}/${reference.repository}`
  if (reference.digest !== undefined) return `${repository}@${reference.digest}`
  const client = openRegistry(image, o)
  const tag = reference.tag ?? 'latest'
  const name = `${repository}:${tag}`
  const digest = await client.manifest(tag).then(
    (manifest) => manifest.digest,
    async (error: unknown) => {
      if (askEngine === undefined || !isFlotillaError(error) || error.code !== 'io/connect') throw error
      return askEngine(name).catch((refusal: unknown) => {
        // What an engine says of the registry is worth more than that this computer does not reach it.
        throw isFlotillaError(refusal) && refusal.status !== undefined ? refusal : error
      })
    },
  )
  return `${name}@${digest}`
}

/** Copies an image, with all that its manifest leads to, into another repository. */
export async function copyImage(image: string, target: RegistryClient, o: OciOptions): Promise<Descriptor> {
  const reference = parseReference(image)
  const source = openRegistry(image, o)
  return copyManifest(source, target, reference.digest ?? reference.tag ?? 'latest')
}

async function copyManifest(source: RegistryClient, target: RegistryClient, name: string): Promise<Descriptor> {
  const manifest = await source.manifest(name)
  const content = JSON.parse(manifest.bytes.toString('utf8')) as {
    readonly manifests?: readonly Descriptor[]
    readonly layers?: readonly Descriptor[]
    readonly config?: Descriptor
    readonly mediaType?: string
  }
  for (const child of content.manifests ?? []) await copyManifest(source, target, child.digest)
  const blobs = [...(content.config === undefined ? [] : [content.config]), ...(content.layers ?? [])]
  for (const blob of blobs) {
    // Layers that may not be given on stay where they are.
    if (/foreign|nondistributable/.test(blob.mediaType)) continue
    if (!(await target.hasBlob(blob.digest))) await target.putBlob(await source.blob(blob, maxLayerBytes))
  }
  const mediaType = content.mediaType ?? manifest.mediaType
  if (mediaType === '') throw new FlotillaError('io/protocol', `manifest ${manifest.digest} has no media type`)
  await target.putManifest(manifest.digest, mediaType, manifest.bytes)
  return { mediaType, digest: manifest.digest, size: manifest.bytes.length }
}
