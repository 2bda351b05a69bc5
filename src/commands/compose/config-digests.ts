import type { Context } from '../../cli/command.ts'
import { mapDictionary, sortedNames } from '../../compose/model/dictionary.ts'
import type { Project } from '../../compose/model/project.ts'
import type { Service } from '../../compose/model/service.ts'
import { renderTree } from '../../compose/model/render/project.ts'
import type { Format } from '../../compose/model/render/struct.ts'
import { imageDigest } from '../../engine/api/images.ts'
import { readAuth } from './build-host.ts'
import { withSession } from './session.ts'

/** The project with each image pinned to the digest its registry has for it now. Images that are built stay. */
export async function resolveDigests(ctx: Context, project: Project): Promise<Project> {
  const digests = await lookUp(ctx, project)
  const pin = (service: Service): Service => {
    const digest = digests.get(service.image ?? '')
    return digest === undefined ? service : { ...service, image: `${service.image}@${digest}` }
  }
  const services = mapDictionary(project.services, pin)
  return { ...project, services }
}

/** A file to lay over the others: nothing but pinned images. */
export async function renderLock(ctx: Context, project: Project, format: Format): Promise<string> {
  const digests = await lookUp(ctx, project)
  const services: Record<string, object> = {}
  for (const name of sortedNames(project.services)) {
    const { image = '' } = project.services[name] ?? {}
    const digest = digests.get(image)
    if (digest !== undefined) services[name] = { image: `${image}@${digest}` }
  }
  return renderTree({ services }, format)
}

/** Image → digest, asked of registries by the engine, each image once. */
async function lookUp(ctx: Context, project: Project): Promise<ReadonlyMap<string, string>> {
  /** Image → whether there is a service that does not build it. */
  const images = new Map<string, boolean>()
  for (const { image = '', build } of Object.values(project.services)) {
    if (image !== '' && !image.includes('@')) images.set(image, images.get(image) === true || build === undefined)
  }
  return withSession(ctx, async ({ engine }) => {
    const found = await Promise.all(
      [...images].map(async ([image, isNeeded]) => {
        const registryAuth = await readAuth(ctx, image)
        try {
          const query = registryAuth === undefined ? {} : { registryAuth }
          return [[image, await imageDigest(engine, image, query, { signal: ctx.signal })] as const]
        } catch (error) {
          // An image that is built need not be in a registry.
          if (isNeeded || ctx.signal.aborted) throw error
          return []
        }
      }),
    )
    return new Map(found.flat())
  })
}
