import type { CallOptions } from '../../core/call.ts'
import { inspectContainer } from '../../engine/api/containers.ts'
import type { Engine } from '../../engine/engine.ts'
import { copyDictionary, makeDictionary } from '../model/dictionary.ts'
import type { Dictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import { observeContainers } from '../observe.ts'

/** Service → environment of a container it has now. */
export type Environments = ReadonlyMap<string, Dictionary<string>>

/** Reads the environments in which containers stand that providers and models told something: one call a service. */
export async function readEnvironments(
  engine: Engine,
  project: string,
  services: readonly string[],
  o: CallOptions = {},
): Promise<Environments> {
  const containers = await observeContainers(engine, project, o)
  const found = new Map<string, Dictionary<string>>()
  for (const service of new Set(services)) {
    const container = containers.find((entry) => entry.service === service && !entry.isOneOff)
    if (container === undefined) continue
    const { Config } = await inspectContainer(engine, container.id, {}, o)
    const pairs = (Config.Env ?? []).map((entry): [string, string] => {
      const at = entry.indexOf('=')
      return at === -1 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
    })
    found.set(service, makeDictionary(pairs))
  }
  return found
}

/**
 * The project in which dependents of a provider have what it told their containers, `PROVIDER_NAME` each. What it sets
 * under names of its own choice is not known by them, and what the file says is not what it was told.
 */
export function recallVariables(project: Project, provider: string, environments: Environments): Project {
  const services = copyDictionary(project.services)
  const prefix = `${provider.toUpperCase()}_`
  for (const [name, service] of Object.entries(project.services)) {
    if (service.depends_on?.[provider] === undefined) continue
    const own = service.environment ?? {}
    const told = Object.entries(environments.get(name) ?? {}).filter(
      ([key]) => key.startsWith(prefix) && !Object.hasOwn(own, key),
    )
    if (told.length > 0) {
      services[name] = {
        ...service,
        environment: makeDictionary([...Object.entries(own), ...told]),
      }
    }
  }
  return { ...project, services }
}
