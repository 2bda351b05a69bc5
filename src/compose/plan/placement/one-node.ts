import type { Project } from '../../model/project.ts'
import type { Service } from '../../model/service.ts'
import type { Observed } from '../observed.ts'

/** Where a service is on a network that only one node has: all its containers are there. */
export interface OneNode {
  /** Absent: the network is made for the first of them, or nobody is on it. */
  readonly name?: string
}

/**
 * Engines that form no swarm have networks of one node, and so do bridges that a file asks for.
 *
 * @returns undefined for a service whose networks span nodes, or that has none
 */
export function findOneNode(project: Project, service: Service, observed: Observed): OneNode | undefined {
  const keys = new Set(Object.keys(service.networks ?? {}).filter((key) => isOfOneNode(project, observed, key)))
  if (keys.size === 0) return undefined
  const neighbours = new Set(
    Object.values(project.services)
      .filter(({ networks }) => Object.keys(networks ?? {}).some((key) => keys.has(key)))
      .map(({ name }) => name),
  )
  const nodes = new Set(
    observed.containers.flatMap(({ service: of, node, isOneOff }) =>
      node !== undefined && !isOneOff && neighbours.has(of) ? [node] : [],
    ),
  )
  const [name, ...others] = nodes
  return name !== undefined && others.length === 0 ? { name } : {}
}

function isOfOneNode(project: Project, observed: Observed, key: string): boolean {
  const wanted = project.networks[key]
  const existing = observed.networks.find(({ name }) => name === wanted?.name)
  const driver = existing?.driver ?? wanted?.driver ?? ''
  if (driver !== '') return driver === 'bridge'
  return (observed.nodes ?? []).every(({ role }) => role === 'none')
}
