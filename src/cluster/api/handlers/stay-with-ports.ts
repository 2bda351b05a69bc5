import { isEveryInterface } from '../../filters/port.ts'
import type { Located } from '../../directory.ts'
import type { ContainerView, PortClaim } from '../../model.ts'
import type { PlacementRequest } from '../../placement.ts'
import { PROJECT_LABEL } from '../../project-label.ts'
import { addCondition } from '../../request.ts'
import { readFields, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import type { Api } from '../call.ts'
import type { VolumeHome } from './volume-homes.ts'

/** Set by Docker Compose 2 on a container that is made while the one it replaces is still there. */
const REPLACE_LABEL = 'com.docker.compose.replace'

/**
 * A container whose predecessor goes before it starts gets the host ports of that one, on its node. It stays there when the
 * node can take it otherwise, and its data is nowhere else; else it is placed as any other.
 */
export async function stayWithPorts(
  api: Api,
  name: string,
  body: Fields,
  request: PlacementRequest,
  homes: readonly VolumeHome[],
): Promise<PlacementRequest> {
  if (request.ports.length === 0) return request
  const old = findReplaced(api, name, body)
  if (old === undefined || homes.some(({ node }) => node !== old.node.name)) return request
  const ports = request.ports.filter((claim) => !old.item.ports.some((held) => isSame(held, claim)))
  if (ports.length === request.ports.length) return request
  const staying = addCondition({ ...request, ports }, 'constraints', `node==${old.node.name}`)
  await api.cluster.judge(staying)
  return api.cluster.choose(staying).kind === 'placed' ? staying : request
}

/** By the name it has until then, `ID_NAME` with the first twelve digits of the other one's ID. */
function findReplaced(api: Api, name: string, body: Fields): Located<ContainerView> | undefined {
  const labels = readFields(body, 'Labels')
  const project = readText(labels, PROJECT_LABEL)
  const [, id = ''] = /^([0-9a-f]{12})_/.exec(name) ?? []
  if (id === '' || project === '' || readText(labels, REPLACE_LABEL) === '') return undefined
  const found = api.cluster.directory.findContainer(id)
  return found.kind === 'found' && found.item.labels.get(PROJECT_LABEL) === project ? found : undefined
}

function isSame(a: PortClaim, b: PortClaim): boolean {
  const isSameIp = a.hostIp === b.hostIp || (isEveryInterface(a.hostIp) && isEveryInterface(b.hostIp))
  return isSameIp && a.protocol === b.protocol && a.from === b.from && a.to === b.to
}
