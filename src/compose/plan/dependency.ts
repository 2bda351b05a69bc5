import { findCycle, topologicalLevels } from '../../core/graph.ts'
import type { Project } from '../model/project.ts'
import type { Dependency } from '../model/service.ts'
import { LABEL } from './label.ts'
import type { Observed, ObservedContainer } from './observed.ts'

/** Service → the services it depends on, and how. */
export type Dependencies = ReadonlyMap<string, ReadonlyMap<string, Dependency>>

/** What is known about the services when a command may run without the files. */
export interface Roster {
  readonly dependencies: Dependencies
  /** Containers by service, one-off ones of known services included. */
  readonly containers: ReadonlyMap<string, readonly ObservedContainer[]>
  /** What the files say; absent when everything is known from labels, and then no hooks are run. */
  readonly project?: Project
}

/** Services and dependencies of the files. */
export function rosterOfProject(project: Project, observed: Observed): Roster {
  const dependencies = new Map<string, ReadonlyMap<string, Dependency>>()
  for (const [name, service] of Object.entries(project.services)) {
    dependencies.set(name, new Map(Object.entries(service.depends_on ?? {})))
  }
  return { dependencies, containers: groupContainers(observed, dependencies), project }
}

/**
 * Services and dependencies as the labels of the containers tell them. A service without an ordinary
 * container is unknown, and so are its one-off containers.
 */
export function rosterOfLabels(observed: Observed): Roster {
  const dependencies = new Map<string, Map<string, Dependency>>()
  for (const container of observed.containers) {
    if (container.isOneOff) continue
    const known = dependencies.get(container.service) ?? new Map<string, Dependency>()
    for (const entry of (container.labels[LABEL.dependsOn] ?? '').split(',')) {
      const [name = '', condition, restart] = entry.split(':')
      if (name === '') continue
      known.set(name, { condition: toCondition(condition), restart: toRestart(restart), required: true })
    }
    dependencies.set(container.service, known)
  }
  breakCycles(dependencies)
  return { dependencies, containers: groupContainers(observed, dependencies) }
}

/** Releases before 2.3 wrote names alone. */
function toCondition(text: string | undefined): Dependency['condition'] {
  return text === 'service_healthy' || text === 'service_completed_successfully' ? text : 'service_started'
}

/** docker/compose pkg/compose/compose.go, projectFromName: a label that does not tell, as early ones do not, means yes. */
function toRestart(text: string | undefined): boolean {
  return text === undefined || /^(?:1|t|T|true|True|TRUE)$/.test(text)
}

/** Labels come from anybody. Services in a circle have no order, and have to be stopped and removed all the same. */
function breakCycles(dependencies: ReadonlyMap<string, Map<string, Dependency>>): void {
  const findNext = (): readonly string[] =>
    findCycle(new Map([...dependencies].map(([name, needed]) => [name, needed.keys()] as const)))
  for (let cycle = findNext(); cycle.length > 0; cycle = findNext()) {
    dependencies.get(cycle.at(-2) ?? '')?.delete(cycle.at(-1) ?? '')
  }
}

/** Levels of services, dependencies first; the services of a level are independent of each other. */
export function serviceLevels(roster: Roster): readonly (readonly string[])[] {
  const names = [...roster.dependencies.keys()].sort()
  return topologicalLevels(
    new Map(names.map((name) => [name, [...(roster.dependencies.get(name)?.keys() ?? [])].sort()])),
  )
}

/** The services and what they depend on, however far: what `start` of them starts. Empty, which means all, stays so. */
export function withDependencies({ dependencies }: Roster, services: readonly string[]): readonly string[] {
  const all = new Set<string>()
  const pending = [...services]
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (all.has(name) || !dependencies.has(name)) continue
    all.add(name)
    pending.push(...(dependencies.get(name)?.keys() ?? []))
  }
  return [...all]
}

/** It has none of its own: those of `run` do not count. */
export function isWithoutContainers({ containers }: Roster, service: string): boolean {
  return (containers.get(service) ?? []).every(({ isOneOff }) => isOneOff)
}

/** A service that is to be started, and one without containers whose health or end it waits for. */
export interface MissingDependency {
  readonly service: string
  readonly dependency: string
  readonly isRequired: boolean
}

/**
 * What the services wait for in vain when they are started. docker/compose pkg/compose/convergence.go, waitDependencies:
 * one of which nothing but a start is asked may be missing, and so may one that is to have no containers.
 *
 * @param services empty means all
 */
export function missingDependencies(roster: Roster, services: readonly string[]): readonly MissingDependency[] {
  const { project, dependencies } = roster
  const isEmpty = (name: string): boolean => isWithoutContainers(roster, name)
  const isToBeThere = (name: string): boolean => {
    const service = project?.services[name]
    return service !== undefined && service.scale !== 0 && service.provider === undefined
  }
  const started = services.length > 0 ? services : [...dependencies.keys()]
  return started
    .filter((service) => !isEmpty(service))
    .flatMap((service) =>
      [...(dependencies.get(service) ?? [])]
        .filter(([name, { condition }]) => condition !== 'service_started' && isToBeThere(name) && isEmpty(name))
        .map(([dependency, { required }]) => ({ service, dependency, isRequired: required })),
    )
}

/**
 * The named services and all that depend on them, directly or not; all services when none is named.
 *
 * @param counts which dependencies are followed; all when absent
 */
export function withDependents(
  roster: Roster,
  names: readonly string[],
  counts: (dependency: Dependency) => boolean = () => true,
): ReadonlySet<string> {
  if (names.length === 0) return new Set(roster.dependencies.keys())
  const chosen = new Set(names.filter((name) => roster.dependencies.has(name)))
  let size = -1
  while (size !== chosen.size) {
    size = chosen.size
    for (const [name, dependencies] of roster.dependencies) {
      const isDependent = [...dependencies].some(([other, dependency]) => chosen.has(other) && counts(dependency))
      if (isDependent) chosen.add(name)
    }
  }
  return chosen
}

/** The roster with no containers but these. */
export function onlyContainers(roster: Roster, ids: ReadonlySet<string>): Roster {
  const containers = [...roster.containers].map(
    ([service, all]) => [service, all.filter(({ id }) => ids.has(id))] as const,
  )
  return { ...roster, containers: new Map(containers) }
}

function groupContainers(
  observed: Observed,
  known: ReadonlyMap<string, unknown>,
): ReadonlyMap<string, readonly ObservedContainer[]> {
  const groups = new Map<string, ObservedContainer[]>()
  for (const container of observed.containers) {
    if (!known.has(container.service)) continue
    const list = groups.get(container.service)
    if (list === undefined) groups.set(container.service, [container])
    else list.push(container)
  }
  return groups
}
