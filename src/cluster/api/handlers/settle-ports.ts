import { escapeImage } from '../../../engine/api/call.ts'
import { choosePorts, leavesPortOpen } from '../../ports/choose-ports.ts'
import { isFields, readBoolean, readFields, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { createNames, foldNames } from '../body-names.ts'
import type { Api } from '../call.ts'

const inspectMs = 10_000

/**
 * Where ports are forwarded, ports that a create leaves to the engine get a number that no other node has: behind one
 * address two nodes cannot have the same one. The body itself where nothing is left open.
 */
export async function settlePorts(api: Api, raw: Fields): Promise<Fields> {
  const { ports } = api
  if (ports === undefined) return raw
  const body = foldNames(raw, createNames)
  if (!leavesPortOpen(body)) return raw
  const isAll = readBoolean(readFields(body, 'HostConfig'), 'PublishAllPorts')
  const exposed = isAll ? await readExposed(api, readText(body, 'Image')) : []
  return choosePorts(body, exposed, ports.range, (protocol, from, to) => ports.pick(protocol, from, to))
}

/** The ports of an image that some node has; none where it has yet to be pulled, and the engine chooses then. */
async function readExposed(api: Api, image: string): Promise<readonly string[]> {
  const [holder] = api.cluster.directory.imageHolders(image)
  const member = holder === undefined ? undefined : api.cluster.member(holder.node.addr)
  if (member === undefined) return []
  try {
    const request = { method: 'GET', path: `/images/${escapeImage(image)}/json` } as const
    const found = await (await member.engine.request(request, { deadlineMs: inspectMs })).json<unknown>()
    return isFields(found) ? Object.keys(readFields(readFields(found, 'Config'), 'ExposedPorts')) : []
  } catch {
    return []
  }
}
