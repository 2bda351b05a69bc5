import { FlotillaError } from '../../../core/errors.ts'
import { changeContainer } from '../../copies.ts'
import type { ContainerView } from '../../model.ts'
import type { PlaceHeld } from '../../places.ts'
import { draftRecipe, hasPolicy } from '../../recipe.ts'
import type { CreateDraft } from '../../request.ts'
import { decodeContainer } from '../../watch/decode.ts'
import type { Fields } from '../../wire.ts'
import { readFields, readText } from '../../wire.ts'
import type { Api } from '../call.ts'

/**
 * The container shows from now on, before its engine has told.
 *
 * @returns its ID
 * @throws {engine/protocol} when there is none, or it is that of a container on another node
 */
export function confirmCreated(api: Api, draft: CreateDraft, held: PlaceHeld, created: Fields): string {
  const id = readText(created, 'Id')
  if (id === '') {
    throw new FlotillaError('engine/protocol', `node ${held.member.name} made a container without ID`, { status: 502 })
  }
  const other = api.cluster.directory.findContainerById(id)
  if (other.kind === 'ambiguous' || (other.kind === 'found' && other.node.addr !== held.member.addr)) {
    const where = other.kind === 'found' ? `a container on node ${other.node.name}` : 'containers on several nodes'
    const message = `node ${held.member.name} answered with the ID ${id.slice(0, 64)}, which is that of ${where}`
    throw new FlotillaError('engine/protocol', message, { status: 502 })
  }
  held.confirm(describe(api, draft, held, id))
  void api.cluster.changed(held.member, { what: 'container', id, isInspected: true })
  return id
}

/** What is known of the container before its engine has described it. */
function describe(api: Api, draft: CreateDraft, held: PlaceHeld, id: string): ContainerView {
  const { reservation } = held
  const row = {
    Id: id,
    Names: draft.name === '' ? [] : [`/${draft.name}`],
    Image: reservation.image,
    ImageID: '',
    Command: '',
    Created: Math.floor(api.cluster.clock.nowMs() / 1000),
    Ports: [],
    Labels: Object.fromEntries(reservation.labels),
    State: 'created',
    Status: 'Created',
    HostConfig: { NetworkMode: readText(readFields(draft.body, 'HostConfig'), 'NetworkMode') || 'default' },
    NetworkSettings: { Networks: {} },
    Mounts: [],
  }
  const view = decodeContainer(row, undefined, undefined, held.member.view)
  const { ports, exposed, nanoCpus, memoryBytes, gpus } = reservation
  const recipe = hasPolicy(reservation.labels) ? draftRecipe(draft.body) : undefined
  return changeContainer(view, {
    ports,
    exposed,
    nanoCpus,
    memoryBytes,
    gpus,
    isPartial: true,
    isUnread: false,
    recipe,
  })
}
