import { Buffer } from 'node:buffer'
import { isFlotillaError } from '../../core/errors.ts'
import type { Descriptor, RegistryClient } from '../../engine/registry/client.ts'
import { digestOf } from '../../engine/registry/client.ts'
import { ANNOTATION, ARTIFACT } from './artifact.ts'
import type { LayerDraft } from './layers.ts'

export type OciVersion = '1.0' | '1.1'

const emptyBytes = Buffer.from('{}')
/** OCI image-spec 1.1: the descriptor of nothing. */
const emptyType = 'application/vnd.oci.empty.v1+json'

/**
 * Pushes a Compose artifact.
 *
 * @param version absent: the newer form, and the older where the registry does not take it
 * @returns the descriptor of its manifest
 */
export async function pushArtifact(
  client: RegistryClient,
  tag: string,
  layers: readonly Omit<LayerDraft, 'path'>[],
  version: OciVersion | undefined,
): Promise<Descriptor> {
  const descriptors: Descriptor[] = []
  for (const { mediaType, annotations, text } of layers) {
    const bytes = Buffer.from(text)
    descriptors.push({ mediaType, digest: await client.putBlob(bytes), size: bytes.length, annotations })
  }
  await client.putBlob(emptyBytes)
  if (version !== undefined) return pushManifest(client, tag, descriptors, version)
  try {
    return await pushManifest(client, tag, descriptors, '1.1')
  } catch (error) {
    if (!isFlotillaError(error) || error.code !== 'io/protocol') throw error
    return pushManifest(client, tag, descriptors, '1.0')
  }
}

async function pushManifest(
  client: RegistryClient,
  tag: string,
  layers: readonly Descriptor[],
  version: OciVersion,
): Promise<Descriptor> {
  const isNew = version === '1.1'
  const config = { mediaType: isNew ? emptyType : ARTIFACT.emptyConfig, digest: digestOf(emptyBytes), size: 2 }
  const manifest = {
    schemaVersion: 2,
    mediaType: ARTIFACT.manifest,
    ...(isNew && { artifactType: ARTIFACT.project }),
    config: isNew ? { ...config, data: emptyBytes.toString('base64') } : config,
    layers,
  }
  const bytes = Buffer.from(JSON.stringify(manifest))
  await client.putManifest(tag, ARTIFACT.manifest, bytes)
  return { mediaType: ARTIFACT.manifest, artifactType: ARTIFACT.project, digest: digestOf(bytes), size: bytes.length }
}

/**
 * Puts an index of the images a project needs beside its artifact, which it names as its subject; the tag stays with the
 * artifact (docker/compose pkg/compose/publish.go).
 *
 * @returns the digest of the index
 */
export async function pushApplication(
  client: RegistryClient,
  subject: Descriptor,
  images: readonly Descriptor[],
  version: string,
): Promise<string> {
  const index = {
    schemaVersion: 2,
    mediaType: ARTIFACT.index,
    manifests: images,
    subject,
    annotations: { [ANNOTATION.version]: version },
  }
  const bytes = Buffer.from(JSON.stringify(index))
  return client.putManifest(digestOf(bytes), ARTIFACT.index, bytes)
}
