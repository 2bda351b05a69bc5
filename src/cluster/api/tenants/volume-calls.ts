import { ownLabels, volumeTaken } from '../../tenants/create-request.ts'
import { TENANT_LABEL } from '../../tenants/owner.ts'
import { readField, readFields, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { foldNames, volumeNames } from '../body-names.ts'
import { readJsonBody } from '../call.ts'
import { LeadershipMoved } from '../fence.ts'
import { makeVolume, nameAnonymous } from '../handlers/volumes.ts'
import { splitNodeName } from '../merge.ts'
import { forbid } from './tenant-call.ts'
import type { TenantCall, TenantStep } from './tenant-call.ts'

export const createVolume: TenantStep = async (tenantCall) => {
  const { api, call } = tenantCall
  const body = foldNames(await readJsonBody(call), volumeNames)
  const made = await makeOwnVolume(tenantCall, body)
  call.exchange.replyJson(201, made, ['Api-Version', api.cluster.apiVersion])
}

/**
 * Makes a volume with the tenant's label. An engine that has one of the name already gives that back: such a name is taken.
 *
 * @param body with the names of its fields as Docker writes them
 * @throws {cluster/conflict} status 409, not saying whose it is
 * @throws {cluster/forbidden} status 403 when the quota is used up
 * @throws {cluster/unhealthy} status 503 when another manager has begun to count meanwhile
 */
export async function makeOwnVolume(tenantCall: TenantCall, body: Fields): Promise<Fields> {
  const { api, call, own, ledger, tenant } = tenantCall
  const cluster = readField(body, 'ClusterVolumeSpec')
  if (cluster !== undefined && cluster !== null)
    throw forbid("volumes of the engines' own swarm are not open to tenants")
  const { name } = splitNodeName(readText(body, 'Name'), (reference) => api.cluster.directory.findNode(reference))
  if (name !== '' && own.isVolumeTaken(name)) throw volumeTaken(name)
  // One without a name gets one that nobody else has.
  const named = name === '' ? nameAnonymous(body) : { ...body, Name: readText(body, 'Name') }
  const counted = name === '' ? named.Name : name
  const claim = tenantCall.claim('volume', counted)
  if (claim === undefined) throw volumeTaken(name)
  try {
    const sent = { ...named, Labels: ownLabels(own.lens, readFields(named, 'Labels')) }
    const entry = ledger.take(tenant.quota, 'volumes', counted)
    try {
      return await api.fence.run(async (lead) => {
        const made = await makeVolume(api, call, sent, () => entry.endOnceSeen())
        if (readText(readFields(made, 'Labels'), TENANT_LABEL) !== tenant.name) throw volumeTaken(name)
        if (lead.isBroken) throw countedElsewhere(tenant.name)
        return made
      })
    } finally {
      entry.end()
    }
  } finally {
    claim.end()
  }
}

/**
 * It stays: the manager that leads now gives the same volume to whoever asks for the name, and may have done so already.
 */
function countedElsewhere(tenant: string): LeadershipMoved {
  const message = `another manager leads by now and counts what tenant ${tenant} has: send the request again`
  return new LeadershipMoved(message)
}
