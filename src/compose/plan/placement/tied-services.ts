import type { Project } from '../../model/project.ts'
import { replicasOf } from '../../model/service.ts'
import type { Service } from '../../model/service.ts'
import { referencedServices } from '../../translate/reference.ts'

/**
 * These services and those that share name spaces or volumes with one of them, over however many others: on a cluster all
 * have to be on the same node. Services without containers tie nobody.
 */
export function tieServices(project: Project, first: (service: Service) => boolean): readonly Service[] {
  const all = Object.values(project.services).filter((service) => replicasOf(service) > 0)
  const found = new Set(all.filter(first))
  let size = -1
  while (found.size !== size) {
    size = found.size
    const names = new Set([...found].map(({ name }) => name))
    const partners = new Set([...found].flatMap(referencedServices))
    for (const service of all) {
      if (partners.has(service.name) || referencedServices(service).some((name) => names.has(name))) found.add(service)
    }
  }
  return all.filter((service) => found.has(service))
}

/**
 * Keys of the networks whose node the containers of a service have to share, although they are on none themselves:
 * those of the services it is tied to.
 */
export function tiedNetworks(project: Project, service: Service): readonly string[] {
  if (Object.keys(service.networks ?? {}).length > 0) return []
  const tied = tieServices(project, ({ name }) => name === service.name)
  return [...new Set(tied.flatMap(({ networks }) => Object.keys(networks ?? {})))].sort()
}
