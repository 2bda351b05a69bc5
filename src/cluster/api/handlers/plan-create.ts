import { FlotillaError } from '../../../core/errors.ts'
import { isValidated } from '../../model.ts'
import type { PlacementRequest } from '../../placement.ts'
import { PROJECT_LABEL } from '../../project-label.ts'
import { canRun, parsePlatform } from '../../platform.ts'
import type { Platform } from '../../platform.ts'
import { addCondition, checkConditionLimits, isPinned, listConditions, parseCreate } from '../../request.ts'
import type { CreateDraft } from '../../request.ts'
import { isFields, readFields, readText, readTexts } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { createNames, foldNames } from '../body-names.ts'
import { readWith } from '../call.ts'
import type { Api } from '../call.ts'
import { splitNodeName } from '../merge.ts'
import { findLocalNetwork } from './local-network.ts'
import type { LocalNetwork } from './local-network.ts'
import { settleContainers } from './settle-containers.ts'
import { settleVolumes } from './settle-volumes.ts'
import { stayWithPorts } from './stay-with-ports.ts'
import { findVolumeTies, noTies } from './volume-homes.ts'
import type { VolumeTies } from './volume-homes.ts'
import { randomId } from '../../../io/random-id.ts'

/** A create call with everything settled that its objects say of the place. */
export interface CreatePlan {
  readonly draft: CreateDraft
  /** With the nodes that networks, named volumes and the platform demand. */
  readonly request: PlacementRequest
  readonly network: LocalNetwork | undefined
  /** Where its volumes are; tried first, and given up when it cannot go there. */
  readonly volumes: VolumeTies
}

/**
 * Reads a create body and binds it to the places of what it names. Changes nothing anywhere.
 *
 * @param platform as in the query, `linux/arm64`; empty for none
 * @param swarmId for a container that has none; absent: a new one
 * @throws {cluster/no-placement} when it names networks of different nodes
 * @throws {cluster/invalid-option}
 */
export async function planCreate(
  api: Api,
  name: string,
  raw: Fields,
  platform: string,
  swarmId?: string,
): Promise<CreatePlan> {
  const { body: named, nodes: byContainer } = settleContainers(api, foldNames(raw, createNames))
  const { Flotilla: wish, ...asked } = named
  const { body, nodes: byVolume } = settleVolumes(api, asked)
  const nodes = [...byContainer, ...byVolume]
  const compile = await readWith(api, listConditions(body))
  const { body: placed, network } = settleNetworks(api, body)
  // Nobody takes the ID of what is there, whoever says that it is his try.
  const isTaken = swarmId !== undefined && api.cluster.directory.containersOfSwarmId(swarmId).length > 0
  const ownId = swarmId === undefined || isTaken ? randomId(32) : swarmId
  const draft = parseCreate(name, placed, compile, () => ownId, api.limits.patternLength)
  checkConditionLimits(draft.request)
  let request: PlacementRequest = { ...draft.request, platform: findPlatform(api, platform) }
  for (const node of nodes) request = addCondition(request, 'constraints', `node==${node}`)
  // A network's node was not asked for: what stays behind because of it is told.
  const volumes = isPinned(request) ? noTies : await findVolumeTies(api, request, body)
  if (network !== undefined) request = addCondition(request, 'constraints', `node==${network.node}`)
  else if (!isPinned(request)) request = goNear(api, request, findNear(api, body, isFields(wish) ? wish : {}))
  request = await stayWithPorts(api, name, body, request, volumes.homes)
  return { draft, request, network, volumes }
}

/**
 * Networks whose node a container that is on none of them has to share: as told, or, since other programs than ours tell
 * nothing, those of the project of one whose memory others may join.
 */
function findNear(api: Api, body: Fields, wish: Fields): readonly string[] {
  const told = readTexts(wish, 'Networks')
  if (told.length > 0 || readText(readFields(body, 'HostConfig'), 'IpcMode') !== 'shareable') return told
  const project = readText(readFields(body, 'Labels'), PROJECT_LABEL)
  if (project === '') return []
  const { nodes } = api.cluster.snapshot()
  return nodes.flatMap(({ networks }) =>
    networks.flatMap((each) => (each.labels.get(PROJECT_LABEL) === project ? [each.name] : [])),
  )
}

/** To the node of networks that the container is not on: those of containers that will share something with it. */
function goNear(api: Api, request: PlacementRequest, names: readonly string[]): PlacementRequest {
  const node = names.map((name) => findLocalNetwork(api, name)?.node).find((each) => each !== undefined)
  return node === undefined ? request : addCondition(request, 'constraints', `node==~${node}`)
}

/** Where no node is of the platform, none is kept from trying: engines may emulate, and say so if they do not. */
function findPlatform(api: Api, text: string): Platform | undefined {
  const platform = parsePlatform(text)
  if (platform === undefined) return undefined
  const isThere = api.cluster.snapshot().nodes.some((node) => isValidated(node) && canRun(node, platform))
  return isThere ? platform : undefined
}

/** The engine's reply with warnings of our own before those it has. */
export function addWarnings(created: Fields, warnings: readonly string[]): Fields {
  return warnings.length === 0 ? created : { ...created, Warnings: [...warnings, ...readTexts(created, 'Warnings')] }
}

/**
 * Names of networks lose their node; says which network of a single node the container has to follow.
 *
 * @throws {cluster/no-placement} when networks of different nodes are named
 */
function settleNetworks(api: Api, body: Fields): { readonly body: Fields; readonly network: LocalNetwork | undefined } {
  const hostConfig = readFields(body, 'HostConfig')
  const mode = readText(hostConfig, 'NetworkMode')
  const primary = findLocalNetwork(api, mode)
  let network = primary
  const networking = readFields(body, 'NetworkingConfig')
  const endpoints: Record<string, unknown> = {}
  let isRenamed = false
  for (const [key, value] of Object.entries(readFields(networking, 'EndpointsConfig'))) {
    const { name } = splitNodeName(key, (reference) => api.cluster.directory.findNode(reference))
    isRenamed ||= name !== key
    endpoints[name] = value
    const other = key === mode ? undefined : findLocalNetwork(api, key)
    if (network !== undefined && other !== undefined && network.node !== other.node) {
      const where = `network ${network.name} is on node ${network.node} only, network ${other.name} on ${other.node}`
      throw new FlotillaError('cluster/no-placement', `${where}: no container can be on both`, { status: 500 })
    }
    network ??= other
  }
  const isMoved = primary !== undefined && mode.includes('/')
  if (!isMoved && !isRenamed) return { body, network }
  return {
    network,
    body: {
      ...body,
      HostConfig: isMoved ? { ...hostConfig, NetworkMode: primary.name } : hostConfig,
      NetworkingConfig: { ...networking, EndpointsConfig: endpoints },
    },
  }
}
