import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { splitTag } from '../../image-name.ts'
import { isFull } from '../../image-transfer/image-transfer.ts'
import type { PlacementRequest } from '../../placement.ts'
import type { PlaceHeld } from '../../places.ts'
import { addCondition, isPinned } from '../../request.ts'
import type { CreateDraft } from '../../request.ts'
import { readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { paramsOf } from '../call.ts'
import type { Api, Call } from '../call.ts'
import { headerOf } from '../http1/head.ts'

/** A pull may take as long as it likes, as long as something moves. */

/** The part of a call that making a container goes by; one that moves has no client behind it. */
export interface CreateSource extends Pick<Call, 'version' | 'query'> {
  readonly exchange: { readonly signal: AbortSignal; readonly head: Pick<Call['exchange']['head'], 'headers'> }
}

/** By status; other things a create can miss are named as such, and images may be called like them. */
export function isImageMissing(error: FlotillaError): boolean {
  if (error.status !== 404) return false
  const isOther = /\b(?:network|volume|container|plugin|runtime|sandbox)\b/i.test(error.message)
  return !isOther || /\bno such image\b/i.test(error.message)
}

/**
 * From another node, else from its registry. @returns false when the image cannot be had
 *
 * @throws {engine/server} when the node's disk is full, in the engine's words
 */
export async function provideImage(
  api: Api,
  call: CreateSource,
  draft: CreateDraft,
  held: PlaceHeld,
): Promise<boolean> {
  const { member } = held
  const platform = paramsOf(call).get('platform') ?? undefined
  const { signal } = call.exchange
  const brought = await api.images?.bring({ target: member, reference: draft.request.image, platform, signal })
  if (brought?.kind === 'there' || (await pullOn(api, call, draft, held))) return true
  if (brought?.kind === 'failed' && isFull(brought.error)) {
    throw new FlotillaError('engine/server', `node ${member.name}: ${toMessage(brought.error)}`, { status: 500 })
  }
  return false
}

/** Pulls the image on the chosen node. @returns false when that fails */
async function pullOn(api: Api, call: CreateSource, draft: CreateDraft, held: PlaceHeld): Promise<boolean> {
  const { image } = draft.request
  // An ID cannot be pulled.
  if (image === '' || image.startsWith('sha256:') || /^[0-9a-f]{64}$/.test(image)) return false
  const auth = headerOf(call.exchange.head, 'x-registry-auth')
  const digestAt = image.indexOf('@')
  const { repository, tag } = splitTag(image)
  const platform = paramsOf(call).get('platform') ?? undefined
  try {
    const reply = await held.member.engine.request(
      {
        method: 'POST',
        path: '/images/create',
        query: {
          fromImage: digestAt < 0 ? repository : image.slice(0, digestAt),
          tag: digestAt < 0 ? tag || 'latest' : image.slice(digestAt + 1),
          platform,
        },
        ...(auth === undefined ? {} : { headers: { 'x-registry-auth': auth } }),
        stream: true,
        idleMs: api.limits.pullIdleSeconds * 1000,
      },
      { signal: call.exchange.signal },
    )
    for await (const line of reply.documents<Fields>()) {
      const problem = readText(line, 'error')
      if (problem !== '') throw new FlotillaError('engine/server', problem)
    }
    return true
  } catch (error) {
    api.cluster.log.info('pull failed', { node: held.member.name, image, error: toMessage(error) })
    return false
  }
}

/** The request with affinity to the image, when some node has it and the request is not pinned. */
export function goToImage(api: Api, request: PlacementRequest): PlacementRequest | undefined {
  const holders = api.cluster.directory.imageHolders(request.image)
  if (isPinned(request) || holders.length === 0) return undefined
  return addCondition(request, 'affinities', `image==${request.image}`)
}
