import { isFlotillaError } from '../../../core/errors.ts'
import type { Member } from '../../member.ts'
import { checkConditionLimits } from '../../request.ts'
import { isFields, readFields, readList, readText, readTexts } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import type { Api } from '../call.ts'
import { PROJECT_LABEL } from '../../project-label.ts'
import { isLocal } from '../names.ts'
import { chooseMember } from './choose-member.ts'
import { planCreate } from './plan-create.ts'
import type { CreatePlan } from './plan-create.ts'
import { goToVolumes } from './volume-homes.ts'

/**
 * The node for a network that only one can have, which ties its containers to that node: the one with the other networks of
 * its Compose project, else one that can take what is said of its containers, else the emptiest.
 */
export async function chooseNetworkNode(api: Api, body: Fields): Promise<Member> {
  return findNeighbour(api, body) ?? (await findHost(api, readFields(body, 'Flotilla'))) ?? chooseMember(api)
}

/** The node that has the other networks of the Compose project: a container may be on several of them. */
function findNeighbour(api: Api, body: Fields): Member | undefined {
  const project = readText(readFields(body, 'Labels'), PROJECT_LABEL)
  if (project === '') return undefined
  const node = api.cluster
    .snapshot()
    .nodes.filter((each) => each.health.state === 'healthy')
    .find(({ networks }) => networks.some((each) => isLocal(each) && each.labels.get(PROJECT_LABEL) === project))
  return node === undefined ? undefined : api.cluster.memberOf(node)
}

/**
 * A node for all containers of the network, which are described as one. What cannot be had together is given up in this
 * order: room, what other containers and networks tie to, the data in volumes. Constraints come last: a container whose
 * constraints the node does not meet is refused there.
 *
 * @param wish `{Container: …}`, the body of a container's create
 */
async function findHost(api: Api, wish: Fields): Promise<Member | undefined> {
  const container = wish['Container']
  if (!isFields(container)) return undefined
  await api.cluster.settled()
  const bodies = [container, withoutRoom(container), withConstraintsOnly(container)]
  const plans = await Promise.all(bodies.map((each) => planGuests(api, each)))
  const requests = plans.filter((plan) => plan !== undefined)
  const near = requests.map(({ request, volumes }) => goToVolumes(request, volumes.homes))
  for (const request of [...near, ...requests.map((plan) => plan.request)]) {
    checkConditionLimits(request)
    await api.cluster.judge(request)
    const chosen = api.cluster.choose(request)
    if (chosen.kind === 'placed') return api.cluster.memberOf(chosen.node)
  }
  return undefined
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
  return { Env: constraints, HostConfig: volumesOf(readFields(body, 'HostConfig')) }
}

function volumesOf(hostConfig: Fields): Fields {
  return { Binds: readList(hostConfig, 'Binds'), Mounts: readList(hostConfig, 'Mounts') }
}
