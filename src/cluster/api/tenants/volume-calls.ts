import { ownLabels, volumeTaken } from '../../tenants/create-request.ts'
import { TENANT_LABEL } from '../../tenants/owner.ts'
import { readField, readFields, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { foldNames, volumeNames } from '../body-names.ts'
import { readJsonBody } from '../call.ts'
import { makeVolume } from '../handlers/volumes.ts'
import { splitNodeName } from '../merge.ts'
import { randomId } from '../../../io/random-id.ts'
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
 */
export async function makeOwnVolume(tenantCall: TenantCall, body: Fields): Promise<Fields> {
  const { api, call, own, ledger, tenant } = tenantCall
  const cluster = readField(body, 'ClusterVolumeSpec')
  if (cluster !== undefined && cluster !== null)
    throw forbid("volumes of the engines' own swarm are not open to tenants")
  const { name } = splitNodeName(readText(body, 'Name'), (reference) => api.cluster.directory.findNode(reference))
  if (name !== '' && own.isVolumeTaken(name)) throw volumeTaken(name)
  // One without a name gets one that nobody else has.
  const counted = name === '' ? randomId(32) : name
  const claim = tenantCall.claim('volume', counted)
  if (claim === undefined) throw volumeTaken(name)
  try {
    const entry = ledger.take(tenant.quota, 'volumes', counted)
    try {
      const made = await makeVolume(api, call, { ...body, Labels: ownLabels(own.lens, readFields(body, 'Labels')) })
      if (readText(readFields(made, 'Labels'), TENANT_LABEL) !== tenant.name) throw volumeTaken(name)
      return made
    } finally {
      entry.end()
    }
  } finally {
    claim.end()
  }
}
