import type { Project } from '../model/project.ts'
import type { Observed, ObservedContainer } from './observed.ts'
import { removeOnce } from './workspace.ts'
import type { Workspace } from './workspace.ts'

/** Containers of services the files no longer have (switched-off ones still count), and ended one-off ones. */
export function findOrphans(project: Project, observed: Observed): readonly ObservedContainer[] {
  return observed.containers.filter((container) => {
    if (container.isOneOff) return container.state === 'exited' || container.state === 'dead'
    return (
      project.services[container.service] === undefined && project.disabledServices[container.service] === undefined
    )
  })
}

/**
 * Warns about orphans or removes them.
 *
 * @returns removals of containers that publish ports: what is started may need these ports
 */
export function addOrphanSteps(space: Workspace): readonly number[] {
  const orphans = findOrphans(space.project, space.observed)
  if (orphans.length === 0 || space.options.orphans === 'ignore') return []
  if (space.options.orphans === 'warn') {
    space.builder.warn(
      `Found orphan containers ([${orphans.map((container) => container.name).join(' ')}]) for this project. ` +
        'If you removed or renamed this service in your compose file, you can run this command with the ' +
        '--remove-orphans flag to clean it up.',
    )
    return []
  }
  const blocking: number[] = []
  for (const container of orphans) {
    const step = removeOnce(space, container, { cause: 'orphan' })
    if (container.ports.some((port) => port.published !== undefined)) blocking.push(step)
  }
  return blocking
}
