import { compareApiVersions } from '../../engine/version.ts'
import { confirmCreated } from '../api/handlers/confirm-created.ts'
import { createWithImage } from '../api/handlers/create.ts'
import type { PlaceHeld } from '../places.ts'
import { withNetworks } from '../recipe.ts'
import type { NetworkUse } from '../recipe.ts'
import type { CreateDraft } from '../request.ts'
import { TENANT_LABEL } from '../tenants/owner.ts'
import { readFields, readText } from '../wire.ts'
import { listRemoteVolumes } from './decide.ts'
import { EngineHands } from './engine-hands.ts'
import { forgetOld } from './left-copies.ts'
import { guard } from './move-context.ts'
import type { MoveContext } from './move-context.ts'
import type { ContainerRecord } from './record.ts'
import { freeEndpoints } from './stale-endpoints.ts'

/** Makes the container on the node that is held. @returns its ID */
export async function makeAnew(
  context: MoveContext,
  record: ContainerRecord,
  draft: CreateDraft,
  held: PlaceHeld,
  isLive: boolean,
): Promise<string> {
  const { api, signal } = context
  const { member } = held
  const hands = new EngineHands(member, api.cluster.clock)
  const tenant = readText(readFields(record.body, 'Labels'), TENANT_LABEL)
  // What an engine makes by itself belongs to nobody.
  for (const volume of tenant === '' ? listRemoteVolumes(record) : record.volumes) {
    await guard(context)
    await hands.createVolume(volume, tenant === '' ? {} : { [TENANT_LABEL]: tenant })
  }
  let networks: readonly NetworkUse[] = record.networks.map(({ name, settings }) => ({ name, settings }))
  if (!isLive) {
    await guard(context)
    networks = await freeEndpoints(api, record, networks)
  }
  const version = member.view.apiVersion
  const { body } = withNetworks(draft.body, networks, compareApiVersions(version, '1.44') >= 0)
  const source = { version, query: '', exchange: { signal: AbortSignal.any([signal]), head: { headers: [] } } }
  await guard(context)
  const created = await createWithImage(api, source, { ...draft, body }, held, passes)
  // The dead one gives way at once, so that the name means one thing.
  if (!isLive) forgetOld(api.cluster, record)
  const id = confirmCreated(api, draft, held, created)
  const verb = record.move?.kind === 'failure' ? 'Rescheduled' : 'Moved'
  const { home } = record
  api.cluster.log.info(`${verb} container ${home.containerId} from ${home.node} to ${member.name} as ${id}`)
  return id
}

/** Leadership is asked for before the call. */
const passes = { check: () => undefined }
