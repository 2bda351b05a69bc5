import { FlotillaError, isFlotillaError } from '../../../core/errors.ts'
import type { Member } from '../../member.ts'
import { VOLUMES_LABEL } from '../../model.ts'
import { PROJECT_LABEL } from '../../project-label.ts'
import { checkConditionLimits } from '../../request.ts'
import { isFields, readFields, readList, readText, readTexts } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import type { Api } from '../call.ts'
import { isLocal } from '../names.ts'
import { chooseMember } from './choose-member.ts'
import { planCreate } from './plan-create.ts'
import type { CreatePlan } from './plan-create.ts'
import { choosePlace } from './hold-near-data.ts'
import { findHeldData } from './volume-homes.ts'

/**
 * The node for a network that only one can have, which ties its containers to that node: the one with the other networks of
 * its Compose project, else one that can take what is said of its containers, else the emptiest.
 *
 * @throws {cluster/no-placement} when data of the project is on a node that is out of service
 */
export async function chooseNetworkNode(api: Api, body: Fields): Promise<Member> {
  const project = readText(readFields(body, 'Labels'), PROJECT_LABEL)
  return (
    findNeighbour(api, project) ?? (await findHost(api, describeContainers(api, body, project))) ?? chooseMember(api)
  )
}

/** The node that has the other networks of the Compose project: a container may be on several of them. */
function findNeighbour(api: Api, project: string): Member | undefined {
  if (project === '') return undefined
  const node = api.cluster
    .snapshot()
    .nodes.filter((each) => each.health.state === 'healthy')
    .find(({ networks }) => networks.some((each) => isLocal(each) && each.labels.get(PROJECT_LABEL) === project))
  return node === undefined ? undefined : api.cluster.memberOf(node)
}

/**
 * The containers of the network in one create body: what the client says of them, `{Flotilla: {Container: …}}`, else that
 * they may use the volumes of their project, as other programs than ours leave to be guessed.
 */
function describeContainers(api: Api, body: Fields, project: string): Fields | undefined {
  const told = readFields(body, 'Flotilla')['Container']
  if (!isFields(told) && project === '') return undefined
  const container = isFields(told) ? told : { HostConfig: { Binds: listProjectVolumes(api, project) } }
  const mayBeNew = readText(readFields(container, 'Labels'), VOLUMES_LABEL)
  const labels = {
    [PROJECT_LABEL]: project,
    [VOLUMES_LABEL]: mayBeNew || readText(readFields(body, 'Labels'), VOLUMES_LABEL),
  }
  return { ...container, Labels: labels }
}

function listProjectVolumes(api: Api, project: string): readonly string[] {
  const names = api.cluster
    .snapshot()
    .nodes.flatMap(({ volumes }) => volumes.filter((each) => each.labels.get(PROJECT_LABEL) === project))
    .map(({ name }) => name)
  return [...new Set(names)].map((name, at) => `${name}:/v${at}`)
}

/**
 * A node for all containers of the network, which are described as one. What cannot be had together is given up in this
 * order: room, what other containers and networks tie to, the data in volumes, of which some may be had. Constraints come
 * last: a container whose constraints the node does not meet is refused there.
 */
async function findHost(api: Api, container: Fields | undefined): Promise<Member | undefined> {
  if (container === undefined) return undefined
  await api.cluster.settled()
  const bodies = [container, withoutRoom(container), withConstraintsOnly(container)]
  const plans: CreatePlan[] = []
  // One after the other: the first one asks engines for what the others know then.
  for (const body of bodies) {
    const plan = await planGuests(api, body)
    if (plan !== undefined) plans.push(plan)
  }
  for (const { request } of plans) {
    checkConditionLimits(request)
    await api.cluster.judge(request)
  }
  const choices = plans.map((plan) =>
    choosePlace(api, plan.request, plan.network === undefined ? plan.volumes.homes : []),
  )
  const [chosen] = choices.filter(({ node }) => node !== undefined).sort((a, b) => a.left.length - b.left.length)
  const ties = plans.at(-1)?.volumes
  if (ties !== undefined) {
    const left = ties.homes.filter(({ node }) => node !== chosen?.node?.name)
    const heldBy = findHeldData(api, ties, left)
    if (heldBy !== undefined) throw new FlotillaError('cluster/no-placement', heldBy, { status: 500 })
  }
  return chosen?.node === undefined ? undefined : api.cluster.memberOf(chosen.node)
}

/** @returns nothing where networks of several nodes are named: no node has them all */
async function planGuests(api: Api, body: Fields): Promise<CreatePlan | undefined> {
  try {
    return await planCreate(api, '', body, '')
  } catch (error) {
    if (isFlotillaError(error) && error.code === 'cluster/no-placement') return undefined
    throw error
  }
}

function withoutRoom(body: Fields): Fields {
  const hostConfig = readFields(body, 'HostConfig')
  return { ...body, HostConfig: { ...volumesOf(hostConfig), VolumesFrom: readList(hostConfig, 'VolumesFrom') } }
}

function withConstraintsOnly(body: Fields): Fields {
  const constraints = readTexts(body, 'Env').filter((entry) => entry.startsWith('constraint:'))
  return { Env: constraints, HostConfig: volumesOf(readFields(body, 'HostConfig')), Labels: readFields(body, 'Labels') }
}

function volumesOf(hostConfig: Fields): Fields {
  return { Binds: readList(hostConfig, 'Binds'), Mounts: readList(hostConfig, 'Mounts') }
}
