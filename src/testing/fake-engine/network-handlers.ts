import type { EndpointSettings } from '../../engine/api/types.ts'
import type { NetworkCreateBody, NetworkInspect } from '../../engine/api/types-resource.ts'
import { FakeError, hasLabels, readFilters } from './call.ts'
import type { FakeCall, FakeRoute } from './call.ts'
import { joinNetwork, needContainer } from './container-life.ts'
import { makeId } from './state.ts'
import type { FakeNetwork, FakeState } from './state.ts'

/** Adds a network; the three that every engine has are made with it too. */
export function addFakeNetwork(state: FakeState, body: NetworkCreateBody): FakeNetwork {
  const subnetNumber = state.nextSubnet
  state.nextSubnet += 1
  const subnet = { Subnet: `172.${subnetNumber}.0.0/16`, Gateway: `172.${subnetNumber}.0.1` }
  const isBare = body.Driver === 'host' || body.Driver === 'null'
  const ipam = body.IPAM ?? {}
  const network: FakeNetwork = {
    Name: body.Name,
    Id: makeId(),
    Created: new Date(state.clock.nowMs()).toISOString(),
    Scope: body.Scope ?? 'local',
    Driver: body.Driver ?? 'bridge',
    EnableIPv6: body.EnableIPv6 === true,
    IPAM: {
      Driver: ipam.Driver ?? 'default',
      Options: ipam.Options ?? null,
      Config: isBare ? [] : (ipam.Config ?? [subnet]),
    },
    Internal: body.Internal === true,
    Attachable: body.Attachable === true,
    Ingress: body.Ingress === true,
    ConfigOnly: body.ConfigOnly === true,
    Options: body.Options ?? {},
    Labels: body.Labels ?? {},
    subnetNumber,
  }
  state.networks.set(network.Id, network)
  state.emit('network', 'create', network.Id, { name: network.Name, type: network.Driver })
  return network
}

function view(state: FakeState, network: FakeNetwork, isDetailed: boolean): NetworkInspect {
  const { subnetNumber: _own, ...facts } = network
  const containers: Record<string, NonNullable<NetworkInspect['Containers']>[string]> = {}
  for (const container of isDetailed ? state.containers.values() : []) {
    const settings = container.networks.get(network.Name)
    if (settings === undefined || container.status !== 'running') continue
    containers[container.id] = {
      Name: container.name,
      EndpointID: settings.EndpointID ?? '',
      MacAddress: settings.MacAddress ?? '',
      IPv4Address: `${settings.IPAddress}/16`,
      IPv6Address: '',
    }
  }
  return { ...facts, Containers: containers }
}

function need(call: FakeCall): FakeNetwork {
  const network = call.state.findNetwork(call.params[0] ?? '')
  if (network === undefined) throw new FakeError(404, `network ${call.params[0]} not found`)
  return network
}

function list(call: FakeCall): void {
  const filters = readFilters(call, ['id', 'name', 'label', 'driver', 'scope', 'type', 'dangling'])
  function some(name: string, test: (operand: string) => boolean): boolean {
    return filters.get(name)?.some(test) ?? true
  }
  const rows = [...call.state.networks.values()].filter(
    (network) =>
      hasLabels(network.Labels, filters.get('label')) &&
      some('id', (id) => network.Id.startsWith(id)) &&
      // Engines take it for a pattern, which a part of the name is too.
      some('name', (name) => new RegExp(name).test(network.Name)) &&
      some('driver', (driver) => network.Driver === driver) &&
      some('scope', (scope) => network.Scope === scope),
  )
  call.send(
    200,
    rows.map((network) => view(call.state, network, false)),
  )
}

async function create(call: FakeCall): Promise<void> {
  const body = await call.json<NetworkCreateBody>()
  const isTaken = [...call.state.networks.values()].some((network) => network.Name === body.Name)
  const [, minor = 0] = call.version.split('.').map(Number)
  if (isTaken && (body.CheckDuplicate === true || minor >= 44)) {
    throw new FakeError(409, `network with name ${body.Name} already exists`)
  }
  call.send(201, { Id: addFakeNetwork(call.state, body).Id, Warning: '' })
}

function remove(call: FakeCall): void {
  const network = need(call)
  if (['bridge', 'host', 'none'].includes(network.Name)) {
    throw new FakeError(403, `${network.Name} is a pre-defined network and cannot be removed`)
  }
  const isUsed = [...call.state.containers.values()].some(
    (container) => container.process !== undefined && container.networks.has(network.Name),
  )
  if (isUsed) {
    throw new FakeError(
      403,
      `error while removing network: network ${network.Name} id ${network.Id} has active endpoints`,
    )
  }
  call.state.networks.delete(network.Id)
  call.state.emit('network', 'destroy', network.Id, { name: network.Name, type: network.Driver })
  call.send(204)
}

async function connect(call: FakeCall): Promise<void> {
  const body = await call.json<{ Container: string; EndpointConfig?: EndpointSettings }>()
  const network = need(call)
  const container = needContainer(call.state, body.Container)
  if (container.networks.has(network.Name)) {
    throw new FakeError(403, `endpoint with name ${container.name} already exists in network ${network.Name}`)
  }
  joinNetwork(call.state, container, network.Id, body.EndpointConfig ?? {})
  call.send(200)
}

async function disconnect(call: FakeCall): Promise<void> {
  const body = await call.json<{ Container: string }>()
  const network = need(call)
  const container = needContainer(call.state, body.Container)
  if (!container.networks.delete(network.Name)) {
    throw new FakeError(403, `container ${container.id} is not connected to network ${network.Name}`)
  }
  call.state.emit('network', 'disconnect', network.Id, {
    container: container.id,
    name: network.Name,
    type: network.Driver,
  })
  call.send(200)
}

export const networkRoutes: readonly FakeRoute[] = [
  ['GET', /^\/networks$/, list],
  ['POST', /^\/networks\/create$/, create],
  ['GET', /^\/networks\/([^/]+)$/, (call) => call.send(200, view(call.state, need(call), true))],
  ['DELETE', /^\/networks\/([^/]+)$/, remove],
  ['POST', /^\/networks\/([^/]+)\/connect$/, connect],
  ['POST', /^\/networks\/([^/]+)\/disconnect$/, disconnect],
]
