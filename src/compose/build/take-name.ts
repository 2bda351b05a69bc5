import type { CallOptions } from '../../core/call.ts'
import { removeImage, tagImage } from '../../engine/api/images.ts'
import type { Engine } from '../../engine/engine.ts'

/**
 * Leaves a name to one image, on all nodes of a cluster: those that run older ones go on, without a name. Meanwhile
 * the image has a second name, for the last name of an image takes it away.
 */
export async function takeNameFromOthers(
  engine: Engine,
  reference: string,
  imageId: string,
  o: CallOptions,
): Promise<void> {
  const { repo, tag } = splitName(reference)
  const other = { repo: 'flotilla-built', tag: imageId.replace(/^sha256:/, '').slice(0, 40) }
  await tagImage(engine, imageId, other, o)
  try {
    await removeImage(engine, reference, { force: true, noprune: true }, o)
    await tagImage(engine, imageId, { repo, tag }, o)
  } finally {
    await removeImage(engine, `${other.repo}:${other.tag}`, { noprune: true }, o)
  }
}

function splitName(reference: string): { readonly repo: string; readonly tag: string } {
  const colon = reference.lastIndexOf(':')
  if (colon <= reference.lastIndexOf('/')) return { repo: reference, tag: 'latest' }
  return { repo: reference.slice(0, colon), tag: reference.slice(colon + 1) }
}
