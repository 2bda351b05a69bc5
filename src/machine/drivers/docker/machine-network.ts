import type { CallOptions } from '../../../core/call.ts'
import { FlotillaError, isFlotillaError } from '../../../core/errors.ts'
import { listContainers } from '../../../engine/api/containers.ts'
import { createNetwork, inspectNetwork, listNetworks, removeNetwork } from '../../../engine/api/networks.ts'
import type { NetworkInspect } from '../../../engine/api/types-resource.ts'
import type { Engine } from '../../../engine/engine.ts'
import { makeNonce } from '../../../io/files.ts'
import { parseSubnet, toAddress } from '../../subnet.ts'
import { labels } from './container-spec.ts'

const madeByUs = { [`${labels.machine}.network`]: '1' }

const probeMark = '-probe-'
/** A create needs its probe for a moment; one that is older was left by a crash. */
const probeLimitMs = 5 * 60_000

/**
 * A network whose subnet is written down, because an engine gives fixed addresses only in such ones. The engine itself
 * is asked for a subnet that is free.
 */
export async function ensureNetwork(engine: Engine, name: string, o: CallOptions): Promise<NetworkInspect> {
  const found = await findNetwork(engine, name, o)
  if (found !== undefined) return found
  // Several machines may be made at once, by this process too.
  const { Id: trialId } = await createNetwork(
    engine,
    { Name: `${name}${probeMark}${makeNonce()}`, Labels: madeByUs },
    o,
  )
  let subnet: string
  try {
    subnet = subnetOf(await inspectNetwork(engine, trialId, {}, o))
  } finally {
    await removeNetwork(engine, trialId, {})
  }
  try {
    await createNetwork(
      engine,
      {
        Name: name,
        CheckDuplicate: true,
        Driver: 'bridge',
        Labels: madeByUs,
        IPAM: { Driver: 'default', Config: [{ Subnet: subnet }] },
      },
      o,
    )
  } catch (error) {
    // Another create may have been quicker.
    const other = await findNetwork(engine, name, o)
    if (other !== undefined) return other
    throw error
  }
  return inspectNetwork(engine, name, {}, o)
}

async function findNetwork(engine: Engine, name: string, o: CallOptions): Promise<NetworkInspect | undefined> {
  const found = await listNetworks(engine, { filters: { name: [`^${name}$`] } }, o)
  return found.find((network) => network.Name === name)
}

function subnetOf(network: NetworkInspect): string {
  const subnets = (network.IPAM?.Config ?? []).map((entry) => entry.Subnet ?? '')
  const subnet = subnets.find((text) => /^\d+\.\d+\.\d+\.\d+\/\d+$/.test(text))
  if (subnet !== undefined) return subnet
  throw new FlotillaError('machine/driver', `network ${JSON.stringify(network.Name)} has no IPv4 subnet`, {
    hint: 'name another one with --docker-network',
  })
}

/** Addresses of the network that no container has, stopped ones included; the engine's gateway is left out. */
export async function listFreeAddresses(
  engine: Engine,
  network: NetworkInspect,
  o: CallOptions,
): Promise<readonly string[]> {
  const subnet = parseSubnet(subnetOf(network))
  const taken = new Set<string>((network.IPAM?.Config ?? []).map((entry) => entry.Gateway ?? ''))
  for (const container of await listContainers(engine, { all: true, filters: { network: [network.Id] } }, o)) {
    const end = container.NetworkSettings?.Networks?.[network.Name]
    taken.add(end?.IPAddress ?? '')
    // A stopped machine has none and comes back to its own.
    taken.add(container.Labels?.[labels.address] ?? '')
  }
  const free: string[] = []
  for (let value = subnet.firstHost; value <= subnet.lastHost && free.length < 20; value += 1) {
    if (!taken.has(toAddress(value))) free.push(toAddress(value))
  }
  return free
}

/** Removes a network of ours that has no machines left, stopped ones included. */
export async function removeNetworkIfEmpty(engine: Engine, name: string, nowMs: number, o: CallOptions): Promise<void> {
  await removeOldProbes(engine, name, nowMs, o)
  const found = await findNetwork(engine, name, o)
  if (found === undefined || found.Labels?.[`${labels.machine}.network`] !== '1') return
  if ((await listContainers(engine, { all: true, filters: { network: [found.Id] } }, o)).length > 0) return
  try {
    await removeNetwork(engine, found.Id, o)
  } catch (error) {
    // Somebody has just moved in, or it is gone.
    if (!isFlotillaError(error) || !/^engine\/(?:conflict|unauthorized|not-found)$/.test(error.code)) throw error
  }
}

async function removeOldProbes(engine: Engine, name: string, nowMs: number, o: CallOptions): Promise<void> {
  const label = Object.entries(madeByUs).map(([key, value]) => `${key}=${value}`)
  for (const network of await listNetworks(engine, { filters: { label } }, o)) {
    const isOld = nowMs - Date.parse(network.Created) > probeLimitMs
    if (isOld && network.Name.startsWith(`${name}${probeMark}`)) await removeNetwork(engine, network.Id, o)
  }
}
