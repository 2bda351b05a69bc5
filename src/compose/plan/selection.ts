import { FlotillaError } from '../../core/errors.ts'
import { topologicalOrder } from '../../core/graph.ts'
import { sortedNames } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'

/** The services a command works on, dependencies before dependents. */
export interface Selection {
  readonly services: readonly Service[]
  readonly names: ReadonlySet<string>
  /** Those the user named, or all. */
  readonly named: ReadonlySet<string>
}

/**
 * The named services (all when none is named) and, unless left out, what they depend on.
 *
 * @throws {compose/not-found} naming a service that is not in the project
 * @throws {core/cycle}
 */
export function selectServices(project: Project, wanted: readonly string[], withoutDependencies = false): Selection {
  const named = new Set(wanted.length > 0 ? wanted : Object.keys(project.services))
  const names = new Set<string>()
  const pending = [...named]
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (names.has(name)) continue
    const service = project.services[name]
    if (service === undefined) {
      if (named.has(name)) throw new FlotillaError('compose/not-found', `no such service: ${name}`)
      continue
    }
    names.add(name)
    if (!withoutDependencies) pending.push(...Object.keys(service.depends_on ?? {}))
  }
  const services = orderServices(project).filter((service) => names.has(service.name))
  return { services, names, named }
}

/** All services that are on, dependencies first; independent ones by name. */
export function orderServices(project: Project): readonly Service[] {
  const graph = new Map(
    sortedNames(project.services).map((name) => [name, Object.keys(project.services[name]?.depends_on ?? {}).sort()]),
  )
  return topologicalOrder(graph)
    .map((name) => project.services[name])
    .filter((service) => service !== undefined)
}
