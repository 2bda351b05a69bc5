import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'

/** Between the parts of container names: `-`, or `_` in compatibility mode and for classic projects. */
export type NameSeparator = '-' | '_'

/** The name of container `number` of a service. */
export function toContainerName(project: string, service: Service, number: number, separator: NameSeparator): string {
  return service.container_name ?? [project, service.name, String(number)].join(separator)
}

/** The image a service runs: its `image`, else the name a build would give it. */
export function toImageReference(project: Project, service: Service): string {
  return service.image ?? project.imageNames?.[service.name] ?? toBuiltName(project.name, service.name, '-')
}

/** The name a build gives to the image of a service that names none. */
export function toBuiltName(project: string, service: string, separator: NameSeparator): string {
  return `${project}${separator}${service}`
}

/** What stands before the text of a container in logs: its name without the project, custom names whole. */
export function toLogName(project: string, service: string, containerName: string): string {
  for (const separator of ['-', '_']) {
    const start = `${project}${separator}`
    const own = containerName.startsWith(start) ? containerName.slice(start.length) : ''
    if (own.startsWith(`${service}${separator}`) && /^\d+$/.test(own.slice(service.length + 1))) return own
  }
  return containerName
}
