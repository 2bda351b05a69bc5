import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { splitTag } from '../../image-name.ts'
import { isFull } from '../../image-transfer/image-transfer.ts'
import type { PlacementRequest } from '../../placement.ts'
import type { NodeView } from '../../model.ts'
import type { PlaceHeld } from '../../places.ts'
import { addCondition, isPinned } from '../../request.ts'
import type { CreateDraft } from '../../request.ts'
import { readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { paramsOf } from '../call.ts'
import type { Api, Call } from '../call.ts'
import { headerOf } from '../http1/head.ts'
import { areSame } from '../latest-names.ts'
import { settleImages } from './image-holders.ts'

/** The part of a call that making a container goes by; one that moves has no client behind it. */
export interface CreateSource extends Pick<Call, 'version' | 'query' | 'beforeMake'> {
  readonly exchange: { readonly signal: AbortSignal; readonly head: Pick<Call['exchange']['head'], 'headers'> }
}

/** By status; other things a create can miss are named as such, and images may be called like them. */
export function isImageMissing(error: FlotillaError): boolean {
  if (error.status !== 404) return false
  const isOther = /\b(?:network|volume|container|plugin|runtime|sandbox)\b/i.test(error.message)
  return !isOther || /\bno such image\b/i.test(error.message)
}

/**
 * The name of an image means the same on all nodes: where the one that is held has another image under it than the node
 * that was given the name last, it gets that.
 *
 * @returns a warning when it could not be had; the container is made of the other one then
 */
export async function bringLatest(
  api: Api,
  call: CreateSource,
  { request: { image } }: CreateDraft,
  { member }: PlaceHeld,
): Promise<string | undefined> {
  if (api.latest.reading !== undefined || api.builds.openAddrs().length > 0) await settleImages(api)
  if (api.images === undefined || !api.latest.knows(image)) return undefined
  const holders = api.cluster.directory.imageHolders(image)
  const latest = api.latest.find(image, holders)
  const own = holders.find(({ node }) => node.addr === member.addr)
  if (latest === undefined || own === undefined) return undefined
  if (areSame(own, latest) || !isAlike(own.node, latest.node)) return undefined
  const brought = await api.images.bring({
    target: member,
    reference: image,
    platform: paramsOf(call).get('platform') ?? undefined,
    latest: { id: latest.item.id, isOnly: true },
    signal: call.exchange.signal,
  })
  const isAway = brought.kind === 'absent' && latest.node.health.state !== 'healthy'
  if (brought.kind !== 'failed' && !isAway) return undefined
  const why = brought.kind === 'failed' ? toMessage(brought.error) : 'the node does not answer'
  const what = `node ${member.name} has another image under the name ${image} than node ${latest.node.name} was given last`
  return `${what}, which could not be copied: ${why}`
}

/** Of images for other machines each node has its own. */
function isAlike(a: NodeView, b: NodeView): boolean {
  return a.osType === b.osType && a.architecture === b.architecture
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
  const reference = draft.request.image
  const isKnown = api.latest.knows(reference)
  const latest = isKnown ? api.latest.find(reference, api.cluster.directory.imageHolders(reference)) : undefined
  const brought = await api.images?.bring({
    target: member,
    reference,
    platform,
    ...(latest === undefined ? {} : { latest: { id: latest.item.id, isOnly: false } }),
    signal,
  })
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
