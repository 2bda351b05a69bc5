import { copyDictionary, makeDictionary, sortedNames } from '../model/dictionary.ts'
import type { Dictionary, MutableDictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import type { Dependency, Service } from '../model/service.ts'
import { makeFailure } from './failure.ts'
import { nearestName } from './nearest.ts'

/** Switches services on and off by profile. A service without profiles is always on. */
export function applyProfiles(project: Project, profiles: readonly string[]): Project {
  const services = makeDictionary<Service>()
  const disabledServices = makeDictionary<Service>()
  for (const [name, service] of [...Object.entries(project.services), ...Object.entries(project.disabledServices)]) {
    const target = isActive(service, profiles) ? services : disabledServices
    target[name] = service
  }
  return { ...project, services, disabledServices, profiles }
}

function isActive(service: Service, profiles: readonly string[]): boolean {
  const own = service.profiles ?? []
  return own.length === 0 || profiles.includes('*') || own.some((profile) => profiles.includes(profile))
}

/** How dependencies of the named services take part. */
export type DependencyMode = 'include' | 'ignore' | 'dependents'

/**
 * The project cut down to the named services: the others become disabled, so that they are not taken for
 * orphans. No names: the project as it is. A name switches its own profiles on.
 *
 * @throws {compose/not-found} `no such service: x`
 */
export function selectServices(project: Project, names: readonly string[], mode: DependencyMode = 'include'): Project {
  if (names.length === 0) return project
  const enabled = enableServices(project, names)
  if (mode === 'include') requireDependencies(enabled, names)
  const selected = new Set<string>()
  const pending = [...names]
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (selected.has(name)) continue
    const service = enabled.services[name]
    if (service === undefined) continue
    selected.add(name)
    if (mode === 'include') pending.push(...Object.keys(service.depends_on ?? {}))
    if (mode === 'dependents') pending.push(...dependentsOf(enabled, name))
  }
  return keepServices(enabled, selected, mode)
}

function dependentsOf(project: Project, name: string): readonly string[] {
  return Object.values(project.services)
    .filter((service) => service.depends_on?.[name] !== undefined)
    .map((service) => service.name)
}

/**
 * Switches on the profiles of the named services.
 *
 * @throws {compose/not-found} `no such service: x`
 */
export function enableServices(project: Project, names: readonly string[]): Project {
  const profiles = new Set(project.profiles)
  const before = profiles.size
  for (const name of names) {
    const off = project.disabledServices[name]
    if (off === undefined && project.services[name] === undefined) throw noSuchService(project, name)
    for (const profile of off?.profiles ?? []) profiles.add(profile)
  }
  return profiles.size === before ? project : applyProfiles(project, [...profiles])
}

/**
 * Named services start with what they need: a profile may have been switched on that what they depend on does not have.
 *
 * @throws {compose/not-found} `no such service: x`
 */
export function requireDependencies(project: Project, names: readonly string[]): void {
  const seen = new Set<string>()
  const pending = [...names]
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (seen.has(name)) continue
    seen.add(name)
    for (const [other, { required }] of Object.entries(project.services[name]?.depends_on ?? {})) {
      if (project.services[other] !== undefined) pending.push(other)
      else if (required) throw noSuchDependency(other, name)
    }
  }
}

/**
 * A service by its name.
 *
 * @throws {compose/not-found} `no such service: x: not found`, `no such service: x: disabled`
 */
export function requireService(project: Project, name: string): Service {
  const service = project.services[name]
  if (service !== undefined) return service
  const isOff = project.disabledServices[name] !== undefined
  throw noSuchService(project, name, isOff ? 'disabled' : 'not found')
}

function noSuchService(project: Project, name: string, why?: string): Error {
  const nearest = nearestName(name, [...Object.keys(project.services), ...Object.keys(project.disabledServices)])
  const guess = nearest === undefined || nearest === name ? undefined : `did you mean "${nearest}"?`
  const hint = why === 'disabled' ? 'its profiles are not switched on' : guess
  return makeFailure(`no such service: ${name}${why === undefined ? '' : `: ${why}`}`, 'compose/not-found', hint)
}

function noSuchDependency(name: string, dependent: string): Error {
  const hint = `service "${dependent}" depends on it, and its profiles are not switched on`
  return makeFailure(`no such service: ${name}`, 'compose/not-found', hint)
}

function keepServices(project: Project, selected: ReadonlySet<string>, mode: DependencyMode): Project {
  const services = makeDictionary<Service>()
  const disabledServices = copyDictionary(project.disabledServices)
  for (const [name, service] of Object.entries(project.services)) {
    if (!selected.has(name)) disabledServices[name] = service
    else services[name] = mode === 'dependents' ? service : dropDependencies(service, selected)
  }
  return { ...project, services, disabledServices }
}

function dropDependencies(service: Service, selected: ReadonlySet<string>): Service {
  const { depends_on: dependencies, ...rest } = service
  if (dependencies === undefined) return service
  const kept = makeDictionary<Dependency>(Object.entries(dependencies).filter(([name]) => selected.has(name)))
  return Object.keys(kept).length === 0 ? rest : { ...rest, depends_on: kept }
}

/**
 * Gives services that are built the platform of `DOCKER_DEFAULT_PLATFORM` where they name none: it counts for
 * containers and their hash, not for what `config` prints.
 *
 * @throws {compose/invalid} when a service is not built for it
 */
export function applyDefaultPlatform(project: Project): Project {
  const platform = project.environment['DOCKER_DEFAULT_PLATFORM'] ?? ''
  if (platform === '') return project
  const services = copyDictionary(project.services)
  for (const [name, service] of Object.entries(services)) {
    if (service.build === undefined || (service.platform ?? '') !== '') continue
    const built = service.build.platforms ?? []
    if (built.length > 0 && !built.includes(platform)) {
      throw makeFailure(
        `service "${name}" build.platforms does not support value set by DOCKER_DEFAULT_PLATFORM: ${platform}`,
      )
    }
    services[name] = { ...service, platform }
  }
  return { ...project, services }
}

/** Drops networks, volumes, secrets, configs and models that no service which is on uses. */
export function dropUnused(project: Project): Project {
  const used = {
    networks: new Set<string>(),
    volumes: new Set<string>(),
    secrets: new Set<string>(),
    configs: new Set<string>(),
    models: new Set<string>(),
  }
  for (const service of Object.values(project.services)) {
    for (const name of Object.keys(service.networks ?? {})) used.networks.add(name)
    for (const name of Object.keys(service.models ?? {})) used.models.add(name)
    for (const mount of service.volumes ?? [])
      if (mount.type === 'volume' && mount.source !== undefined) used.volumes.add(mount.source)
    for (const secret of [...(service.secrets ?? []), ...(service.build?.secrets ?? [])])
      used.secrets.add(secret.source)
    for (const config of service.configs ?? []) used.configs.add(config.source)
    // The reference program passes over the field, and drops the config.
    if (service.credential_spec?.config !== undefined) used.configs.add(service.credential_spec.config)
  }
  return {
    ...project,
    networks: pick(project.networks, used.networks),
    volumes: pick(project.volumes, used.volumes),
    secrets: pick(project.secrets, used.secrets),
    configs: pick(project.configs, used.configs),
    models: pick(project.models, used.models),
  }
}

function pick<T>(source: Dictionary<T>, names: ReadonlySet<string>): MutableDictionary<T> {
  return makeDictionary(Object.entries(source).filter(([name]) => names.has(name)))
}

/** Services so that each stands after what it depends on; among equals by name. */
export function dependencyOrder(project: Project): readonly string[] {
  const done = new Set<string>()
  const order: string[] = []
  const visit = (name: string, open: ReadonlySet<string>): void => {
    const service = project.services[name]
    if (service === undefined || done.has(name) || open.has(name)) return
    const inside = new Set(open).add(name)
    for (const other of sortedNames(service.depends_on ?? {})) visit(other, inside)
    done.add(name)
    order.push(name)
  }
  for (const name of sortedNames(project.services)) visit(name, new Set())
  return order
}
