import { makeDictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { LABEL } from '../plan/label.ts'
import type { Observed } from '../plan/observed.ts'
import { toBuiltName } from '../translate/name.ts'

/** The name of `PROJECT_SERVICE` that a built image may have here, besides that of today. */
export function toClassicImages(project: Project, services: readonly Service[]): readonly string[] {
  return services.filter(isNamedByBuild).map(({ name }) => toBuiltName(project.name, name, '_'))
}

/**
 * docker-compose 1 calls what it builds `PROJECT_SERVICE` (compose/service.py image_name). Where such an image is there
 * and containers of the service are made of it, it stays the service's image until one is built under today's name.
 *
 * @param isBuilt services whose images are built anyway
 */
export function keepClassicImages(
  project: Project,
  observed: Observed,
  isBuilt: (service: Service) => boolean,
): Project {
  const kept = Object.values(project.services).flatMap((service): readonly [string, string][] => {
    const { name } = service
    if (!isNamedByBuild(service) || project.imageNames?.[name] !== undefined || isBuilt(service)) return []
    const classic = toBuiltName(project.name, name, '_')
    if (observed.images[classic] === undefined) return []
    if (observed.images[toBuiltName(project.name, name, '-')] !== undefined) return []
    const isUsed = observed.containers.some(
      (container) =>
        container.service === name &&
        (container.image === classic || container.labels[LABEL.version]?.startsWith('1.') === true),
    )
    return isUsed ? [[name, classic]] : []
  })
  if (kept.length === 0) return project
  return { ...project, imageNames: makeDictionary([...Object.entries(project.imageNames ?? {}), ...kept]) }
}

/** In compatibility mode docker-compose 2 names all its images as docker-compose 1 did. */
export function nameImagesClassic(project: Project): Project {
  const services = [...Object.values(project.services), ...Object.values(project.disabledServices)].filter(
    isNamedByBuild,
  )
  if (services.length === 0) return project
  const names = services.map(({ name }): [string, string] => [name, toBuiltName(project.name, name, '_')])
  return { ...project, imageNames: makeDictionary(names) }
}

function isNamedByBuild({ image, build, provider }: Service): boolean {
  return image === undefined && build !== undefined && provider === undefined
}
