import { FlotillaError, isFlotillaError } from '../../../core/errors.ts'
import type { NodeView } from '../../model.ts'
import type { PlacementRequest } from '../../placement.ts'
import { addCondition } from '../../request.ts'
import type { Api } from '../call.ts'
import { findHeldData, goToVolumes, warnOfVolume } from './volume-homes.ts'
import type { VolumeHome, VolumeTies } from './volume-homes.ts'

/** A place that was taken. */
export interface NearData<T> {
  readonly held: T
  readonly warnings: readonly string[]
  /** To be called when the container is not made after all. */
  readonly giveUp: () => void
}

/**
 * Takes a place where the volumes are, else, as in the ancestor, wherever there is one; that the data stays behind
 * is worth a warning. Data of a Compose service on a node that is out of service holds the container, as it holds one that
 * would move. Volumes that nobody has used are claimed for the node chosen: of containers that are made at once the others
 * come there, too.
 *
 * @throws {cluster/no-placement} also when the data is on a node that is out of service
 */
export async function holdNearData<T>(
  api: Api,
  ties: VolumeTies,
  request: PlacementRequest,
  hold: (request: PlacementRequest) => Promise<T>,
): Promise<NearData<T>> {
  // As nearly always.
  if (ties.homes.length === 0 && ties.unused.length === 0) {
    return { held: await hold(request), warnings: [], giveUp: () => undefined }
  }
  await api.cluster.judge(request)
  // From here to the claims in one turn. What is not refused in the end must not count as refused: looked at first.
  const { homes, unclaimed } = readClaims(api, ties)
  const { node, left } = choosePlace(api, request, homes)
  const heldBy = findHeldData(api, ties, left)
  if (heldBy !== undefined) throw new FlotillaError('cluster/no-placement', heldBy, { status: 500 })
  const claims = node === undefined ? [] : claimFor(api, node, homes, unclaimed)
  const giveUp = (): void => {
    for (const takeBack of claims) takeBack()
  }
  const bound = node === undefined ? request : addCondition(request, 'constraints', `node==${node.name}`)
  try {
    const held = await hold(bound).catch((error: unknown) => {
      // Somebody else has taken it since.
      if (bound === request || !isFlotillaError(error) || error.code !== 'cluster/no-placement') throw error
      return hold(request)
    })
    return { held, warnings: left.map(warnOfVolume), giveUp }
  } catch (error) {
    giveUp()
    throw error
  }
}

/** Those that others have claimed for the same node, too: whichever of them is made in the end, the data is there. */
function claimFor(
  api: Api,
  node: NodeView,
  homes: readonly VolumeHome[],
  unclaimed: readonly string[],
): readonly (() => void)[] {
  const shared = homes.flatMap((home) => (home.isOnly || home.node !== node.name ? [] : [home.volume]))
  return [...unclaimed, ...shared].map((name) => api.cluster.volumeUses.claim(name, node.engineId))
}

/** Of the volumes nobody had used, some may have a home by now. */
function readClaims(
  api: Api,
  ties: VolumeTies,
): { readonly homes: readonly VolumeHome[]; readonly unclaimed: readonly string[] } {
  const homes = [...ties.homes]
  const unclaimed: string[] = []
  for (const volume of ties.unused) {
    const data = api.cluster.volumeUses.find(volume)
    const node = data?.kind === 'on' ? api.cluster.directory.findNode(data.engineId) : undefined
    if (node === undefined) unclaimed.push(volume)
    else homes.push({ volume, node: node.name, isOnly: false })
  }
  return { homes, unclaimed }
}

/** The node that has all the data, else one that has some of it, else any; and whose data is left behind then. */
export function choosePlace(
  api: Api,
  request: PlacementRequest,
  homes: readonly VolumeHome[],
): { readonly node: NodeView | undefined; readonly left: readonly VolumeHome[] } {
  const nodes = [...new Set(homes.map(({ node }) => node))]
  const parts = nodes.length > 1 ? nodes.map((name) => homes.filter(({ node }) => node === name)) : []
  for (const near of [homes, ...parts]) {
    const chosen = api.cluster.choose(goToVolumes(request, near))
    if (chosen.kind === 'placed') return { node: chosen.node, left: homes.filter((home) => !near.includes(home)) }
  }
  const anywhere = api.cluster.choose(request)
  return { node: anywhere.kind === 'placed' ? anywhere.node : undefined, left: homes }
}
