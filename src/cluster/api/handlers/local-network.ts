import type { Api } from '../call.ts'
import { isLocal } from '../names.ts'

/** A network that only one node has. */
export interface LocalNetwork {
  readonly name: string
  readonly node: string
}

/** The network a create names, when it is one of a single node: the container has to go there. */
export function findLocalNetwork(api: Api, mode: string): LocalNetwork | undefined {
  if (mode === '' || /^(?:default|bridge|host|none|nat|container:.*)$/.test(mode)) return undefined
  const found = api.cluster.directory.findNetwork(mode)
  if (found.kind !== 'found' || !isLocal(found.item)) return undefined
  return { name: found.item.name, node: found.node.name }
}
