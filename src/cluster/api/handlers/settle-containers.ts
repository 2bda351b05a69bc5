import { readFields, readList, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import type { Api } from '../call.ts'
import { splitNodeName } from '../merge.ts'

/** A create body that names other containers by bare names, and the nodes that were named with them. */
export interface SettledContainers {
  readonly body: Fields
  readonly nodes: readonly string[]
}

const joined = 'container:'
const modes = ['NetworkMode', 'IpcMode', 'PidMode'] as const

/**
 * Containers that a create call uses (volumes, links, namespaces) may be written as lists print them: `NODE/NAME` means
 * the one there. Engines know bare names only.
 */
export function settleContainers(api: Api, body: Fields): SettledContainers {
  const nodes = new Set<string>()
  const settle = (reference: string): string => {
    const target = splitNodeName(reference, (name) => api.cluster.directory.findNode(name))
    if (target.node === undefined) return reference
    nodes.add(target.node.name)
    return target.name
  }
  const hostConfig = readFields(body, 'HostConfig')
  const changed: Record<string, unknown> = { ...hostConfig }
  for (const key of ['VolumesFrom', 'Links'] as const) {
    const entries = readList(hostConfig, key)
    if (entries.length > 0)
      changed[key] = entries.map((entry) => (typeof entry === 'string' ? first(entry, settle) : entry))
  }
  for (const key of modes) {
    const mode = readText(hostConfig, key)
    if (mode.startsWith(joined)) changed[key] = `${joined}${settle(mode.slice(joined.length))}`
  }
  return nodes.size === 0 ? { body, nodes: [] } : { body: { ...body, HostConfig: changed }, nodes: [...nodes] }
}

/** Changes what stands before the first colon. */
function first(entry: string, change: (name: string) => string): string {
  const [name = '', ...rest] = entry.split(':')
  return [change(name), ...rest].join(':')
}
