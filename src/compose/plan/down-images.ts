import { toClassicImages } from '../legacy/classic-image.ts'
import { toFamiliarReference } from '../translate/image-name.ts'
import { toBuiltName, toImageReference } from '../translate/name.ts'
import type { DownOptions } from './down.ts'
import { withTag } from './image-plan.ts'
import type { Observed } from './observed.ts'

/** An image that a build made for the project, as its labels say. */
export interface BuiltImage {
  /** Of the service it was built for. */
  readonly service: string
  /** `NAME:TAG`, as the engine lists them. */
  readonly names: readonly string[]
}

/**
 * Names of images that `down --rmi` takes away.
 *
 * - `all`: those the chosen services run, and every name of what was built for them, also one they no longer have
 * - `local`: names of the form `PROJECT-SERVICE` only, and `PROJECT_SERVICE` of docker-compose 1, which nobody has chosen
 *
 * With `--remove-orphans` what was built for other services of the project counts too, as with docker-compose 2.40.
 */
export function imagesToRemove(
  observed: Observed,
  options: DownOptions,
  chosen: ReadonlySet<string>,
): readonly string[] {
  const { removeImages: which, built = [], projectName } = options
  if (which === undefined) return []
  // One name may be written in more ways than one.
  const names = new Map<string, string>()
  const add = (name: string): void => {
    const key = toFamiliarReference(name)
    if (!names.has(key)) names.set(key, name)
  }
  for (const service of [...chosen].sort()) {
    for (const reference of referencesOf(service, observed, options)) add(withTag(reference))
  }
  const hasOrphans = options.removeOrphans && options.services.length === 0
  for (const { service, names: own } of built) {
    if (!chosen.has(service) && !hasOrphans) continue
    const unchosen = namesOfBuild(projectName, service).map(withTag)
    for (const name of own) if (which === 'all' || unchosen.includes(name)) add(name)
  }
  return [...names.values()]
}

function referencesOf(name: string, observed: Observed, options: DownOptions): readonly string[] {
  const { project, removeImages: which, projectName } = options
  if (project === undefined) {
    const images = observed.containers.filter((entry) => entry.service === name).map((entry) => entry.image)
    const own = namesOfBuild(projectName, name)
    return images.filter((image) => which === 'all' || own.includes(image))
  }
  const service = project.services[name]
  if (service === undefined || (which === 'local' && service.image !== undefined)) return []
  // Where `up --build` took the place of what docker-compose 1 had built, both are there: each tool removes its own.
  const references = [toImageReference(project, service), ...toClassicImages(project, [service])]
  return references.filter((reference) => observed.images[reference] !== undefined)
}

/** The names that builds of docker-compose 2 and 1 give, where the file gives none. */
function namesOfBuild(project: string, service: string): readonly string[] {
  return (['-', '_'] as const).map((separator) => toBuiltName(project, service, separator))
}
