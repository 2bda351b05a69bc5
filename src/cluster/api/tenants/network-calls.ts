import { FlotillaError } from '../../../core/errors.ts'
import { bindEndpoint, bindNetwork, ownLabels } from '../../tenants/create-request.ts'
import { isFields, readBoolean, readField, readFields, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { attachmentNames, foldNames, networkNames } from '../body-names.ts'
import { readJsonBody } from '../call.ts'
import { isOutcomeUnknown } from '../failure-status.ts'
import { splitNodeName } from '../merge.ts'
import { builtinNetworks } from '../names.ts'
import { changeJson, narrowNetwork } from './replies.ts'
import { checkName, forbid, replaceBody } from './tenant-call.ts'
import type { TenantCall, TenantStep } from './tenant-call.ts'

/** Others (`macvlan`, `ipvlan`) put containers on the networks of the host. */
const openDrivers: ReadonlySet<string> = new Set(['', 'bridge', 'overlay'])

/** Takes a bridge of the host, whatever else is on it. */
const bridgeOption = 'com.docker.network.bridge.name'

export const createNetwork: TenantStep = async (tenantCall) => {
  const { api, call, own, ledger, tenant, run } = tenantCall
  const body = foldNames(await readJsonBody(call), networkNames)
  const driver = readText(body, 'Driver')
  if (!openDrivers.has(driver) && !tenant.allows.has('host-namespaces')) {
    throw forbid(`networks of driver ${driver} are not open to tenant ${tenant.name}: they need host-namespaces`)
  }
  if (Object.hasOwn(readFields(body, 'Options'), bridgeOption) && !tenant.allows.has('host-namespaces')) {
    throw forbid(`option ${bridgeOption} is not open to tenant ${tenant.name}: it needs host-namespaces`)
  }
  if (readBoolean(body, 'Ingress')) throw forbid('the ingress network is not open to tenants')
  const { name } = splitNodeName(readText(body, 'Name'), (reference) => api.cluster.directory.findNode(reference))
  checkName(name)
  if (!builtinNetworks.has(name) && isTaken(tenantCall, name)) throw networkTaken(name)
  const claim = tenantCall.claim('network', name)
  if (claim === undefined) throw networkTaken(name)
  try {
    const entry = ledger.take(tenant.quota, 'networks', name)
    try {
      replaceBody(tenantCall, {
        ...body,
        Labels: ownLabels(own.lens, readFields(body, 'Labels')),
        ...bindConfig(tenantCall, body),
        ...narrowGuests(body),
      })
      await run()
      entry.endOnceSeen()
    } catch (error) {
      if (isOutcomeUnknown(error)) entry.endOnceSeen()
      throw error
    } finally {
      entry.end()
    }
  } finally {
    claim.end()
  }
}

/** The network whose configuration is taken over. */
function bindConfig({ own }: TenantCall, body: Fields): Fields {
  const from = readFields(body, 'ConfigFrom')
  const reference = readText(from, 'Network')
  return reference === '' ? {} : { ConfigFrom: { ...from, Network: bindNetwork(own, reference).reference } }
}

const openToTenants = ['Binds', 'Mounts', 'PortBindings', 'NanoCpus', 'Memory'] as const

/** Of what is said of the containers to come, what does not tell where containers of others are. */
function narrowGuests(body: Fields): Fields {
  if (readField(body, 'Flotilla') === undefined) return {}
  const container = readFields(readFields(body, 'Flotilla'), 'Container')
  const given = readFields(container, 'HostConfig')
  const hostConfig = Object.fromEntries(openToTenants.map((key) => [key, readField(given, key)]))
  const { Env, NetworkingConfig, Labels } = container
  return { Flotilla: { Container: { Env, NetworkingConfig, HostConfig: hostConfig, Labels } } }
}

/** A second network under the name, which another tenant would then mean as well. */
function isTaken({ whole, own }: TenantCall, name: string): boolean {
  const seen = new Set(own.directory.networksNamed(name).map(({ item }) => item.id))
  return whole.cluster.directory.networksNamed(name).some(({ item }) => !seen.has(item.id))
}

function networkTaken(name: string): FlotillaError {
  return new FlotillaError('cluster/conflict', `network with name ${name} already exists`, { status: 409 })
}

/** Connecting and disconnecting: both the container and the network are looked up by the handler. */
export const attachment: TenantStep = async (tenantCall) => {
  const { call, own, run } = tenantCall
  const body = foldNames(await readJsonBody(call), attachmentNames)
  const endpoint = readField(body, 'EndpointConfig')
  replaceBody(tenantCall, isFields(endpoint) ? { ...body, EndpointConfig: bindEndpoint(endpoint) } : body)
  const found = own.directory.findNetwork(call.name)
  if (found.kind === 'missing') {
    throw new FlotillaError('cluster/not-found', `network ${call.name} not found`, { status: 404 })
  }
  return run()
}

/** Of one network, or of each in a list: who else is on a network that all share is not told. */
export const inspectNetwork: TenantStep = ({ call, own, run }) => {
  call.exchange.changeReply(changeJson((network) => narrowNetwork(network, own.directory)))
  return run()
}
