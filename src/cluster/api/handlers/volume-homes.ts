import type { Located } from '../../directory.ts'
import { VOLUMES_LABEL } from '../../model.ts'
import type { Availability, VolumeView } from '../../model.ts'
import type { PlacementRequest } from '../../placement.ts'
import { addCondition, namesNode } from '../../request.ts'
import { hasOwnData, isLocalVolume } from '../../volume-copies.ts'
import type { VolumeData } from '../../volume-uses.ts'
import { readFields, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import type { Api } from '../call.ts'
import { askForData } from './ask-for-data.ts'
import { isOfProject, volumesIn } from './settle-volumes.ts'

/** A volume whose data is on one node. */
export interface VolumeHome {
  readonly volume: string
  readonly node: string
  /** No other node has a volume of that name. */
  readonly isOnly: boolean
}

/** What the volumes of a container say of its node. */
export interface VolumeTies {
  /** Its data may be left behind on a node that is out of service. */
  readonly isLossAllowed: boolean
  readonly homes: readonly VolumeHome[]
  /** Those that several nodes have and no container has used: the first one that comes makes its node their home. */
  readonly unused: readonly string[]
}

export const noTies: VolumeTies = { isLossAllowed: true, homes: [], unused: [] }

/**
 * Looks where the data is of the volumes that a settled body names: on the one node that has the volume. Where several have
 * it, on the one whose containers of Compose use it, or used it last: for services of Compose, which are removed and made again
 * and mean the same data. Of other containers the ancestor's users expect that each runs wherever there is room, with the copy there.
 *
 * Where the request says itself which node, only volumes of a single node count.
 */
export async function findVolumeTies(api: Api, request: PlacementRequest, body: Fields): Promise<VolumeTies> {
  const homes: VolumeHome[] = []
  const unused: string[] = []
  const isTied = isOfProject(body)
  for (const volume of volumesIn(body)) {
    const holders = api.cluster.directory.volumeHolders(volume)
    const [first] = holders
    if (first === undefined || !holders.every(({ item }) => isLocalVolume(item))) continue
    if (holders.length === 1) {
      homes.push({ volume, node: first.node.name, isOnly: true })
    } else if (isTied && !namesNode(request) && holders.some(({ item }) => hasOwnData(item))) {
      // One after the other: the first answer of an engine serves all that follow.
      const data = await findData(api, volume, holders)
      const home = data.kind === 'on' ? holders.find(({ node }) => node.engineId === data.engineId) : undefined
      if (home !== undefined) homes.push({ volume, node: home.node.name, isOnly: false })
      else if (data.kind !== 'several') unused.push(volume)
    }
  }
  const wish = readText(readFields(body, 'Labels'), VOLUMES_LABEL)
  const isLossAllowed = !isTied || api.rescheduler.isVolumeLossAllowed || wish === 'new'
  return { isLossAllowed, homes, unused }
}

async function findData(api: Api, volume: string, holders: readonly Located<VolumeView>[]): Promise<VolumeData> {
  const { volumeUses } = api.cluster
  const known = volumeUses.find(volume)
  const isThere = known?.kind !== 'on' || holders.some(({ node }) => node.engineId === known.engineId)
  if (known !== undefined && isThere) return known
  const told = await askForData(api, volume, holders)
  const since = volumeUses.find(volume)
  // Another create was quicker.
  if (since !== undefined && since !== known) return since
  if (told === undefined) return { kind: 'several' }
  volumeUses.note(volume, told)
  return told
}

/** The request bound to the nodes of its volumes; the same request when it has none. */
export function goToVolumes(request: PlacementRequest, homes: readonly VolumeHome[]): PlacementRequest {
  let bound = request
  for (const home of homes) bound = addCondition(bound, 'constraints', `node==${home.node}`)
  return bound
}

/** In words, that a container gets an empty volume where another one has the data. */
export function warnOfVolume({ volume, node, isOnly }: VolumeHome): string {
  const where = isOnly ? `volume ${volume} is on node ${node} only` : `the data of volume ${volume} is on node ${node}`
  return `${where}, which cannot take the container: it gets a volume of that name where it is now`
}

/**
 * Why a container must not go where its data is not: the node that has it is out of service and comes back with it. Undefined
 * when all of these nodes are in service: then it is the container that does not fit there.
 */
export function findHeldData(api: Api, ties: VolumeTies, left: readonly VolumeHome[]): string | undefined {
  if (ties.isLossAllowed) return undefined
  for (const { volume, node } of left) {
    const home = api.cluster.directory.findNode(node)
    if (home === undefined) continue
    const why = home.health.state === 'healthy' ? outOfService[home.availability] : 'does not answer'
    if (why === undefined) continue
    const way = `with the label ${VOLUMES_LABEL}=new it is made elsewhere, without the data`
    return `the data of volume ${volume} is on node ${node}, which ${why} (${way})`
  }
  return undefined
}

const outOfService: Readonly<Record<Availability, string | undefined>> = {
  active: undefined,
  pause: 'is cordoned',
  drain: 'is drained',
}
