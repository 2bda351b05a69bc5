import { findCycle } from '../../core/graph.ts'
import { sortedNames } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import { replicasOf } from '../model/service.ts'
import type { Service } from '../model/service.ts'
import { LoadError } from './failure.ts'
import type { Problem } from '../model/problem.ts'
import { nearestName } from './nearest.ts'
import type { Places } from './place.ts'
import type { TreeMap, TreePath } from './tree.ts'

/**
 * What must hold between the parts of a project (compose-go loader/validate.go). Sentences and their
 * suffixes are the reference program's, misspellings included.
 *
 * @throws {compose/invalid} with every problem found, services in order of name
 */
export function checkConsistency(project: Project, tree: TreeMap, places: Places): void {
  const check = new Check(project, tree, places)
  for (const name of sortedNames(project.services)) {
    const service = project.services[name]
    if (service !== undefined) check.service(service)
  }
  for (const name of sortedNames(project.secrets)) check.secret(name)
  check.finish()
  const cycle = findCycle(new Map(sortedNames(project.services).map((name) => [name, dependenciesOf(project, name)])))
  if (cycle.length === 0) return
  const message = `dependency cycle detected: ${cycle.join(' -> ')}`
  throw new LoadError([places.problem(tree, ['services', cycle[0] ?? '', 'depends_on'], message)])
}

function dependenciesOf(project: Project, name: string): readonly string[] {
  return sortedNames(project.services[name]?.depends_on ?? {})
}

/** Two services may not ask for one container name: checked by `config` and at create. */
export function checkContainerNames(project: Project): void {
  const owners = new Map<string, string>()
  for (const name of sortedNames(project.services)) {
    const wanted = project.services[name]?.container_name
    if (wanted === undefined || wanted === '') continue
    const owner = owners.get(wanted)
    if (owner !== undefined) {
      const message = `services.${name}: container name "${wanted}" is already in use by service ${owner}"`
      throw new LoadError([{ message, path: `services.${name}.container_name` }])
    }
    owners.set(wanted, name)
  }
}

const suffix = ': invalid compose project'

class Check {
  readonly #project: Project
  readonly #tree: TreeMap
  readonly #places: Places
  readonly #problems: Problem[] = []

  constructor(project: Project, tree: TreeMap, places: Places) {
    this.#project = project
    this.#tree = tree
    this.#places = places
  }

  finish(): void {
    if (this.#problems.length > 0) throw new LoadError(this.#problems.slice(0, 20))
  }

  #report(path: TreePath, message: string, hint?: string): void {
    this.#problems.push(this.#places.problem(this.#tree, path, message, hint))
  }

  service(service: Service): void {
    this.#image(service)
    this.#network(service)
    this.#dependencies(service)
    this.#references(service)
    this.#limits(service)
    this.#watch(service)
    this.#targets(service)
  }

  secret(name: string): void {
    const secret = this.#project.secrets[name]
    if (secret === undefined || secret.external === true) return
    if ((secret.file ?? '') !== '' || (secret.environment ?? '') !== '') return
    this.#report(['secrets', name], `secret "${name}" must declare either \`file\` or \`environment\`${suffix}`)
  }

  #image({ name, image, build, provider, platform }: Service): void {
    const at = ['services', name]
    if (build === undefined) {
      if ((image ?? '') !== '' || provider !== undefined) return
      this.#report(at, `service "${name}" has neither an image nor a build context specified${suffix}`)
      return
    }
    if ((build.dockerfile_inline ?? '') !== '' && (build.dockerfile ?? '') !== '') {
      this.#report(
        [...at, 'build'],
        `service "${name}" declares mutualy exclusive dockerfile and dockerfile_inline${suffix}`,
      )
    }
    for (const [key, context] of Object.entries(build.additional_contexts ?? {})) {
      if (context.startsWith('service:')) this.#context(name, key, context.slice('service:'.length))
    }
    const platforms = build.platforms ?? []
    if (platforms.length > 0 && platform !== undefined && platform !== '' && !platforms.includes(platform)) {
      this.#report([...at, 'platform'], `service.build.platforms MUST include service.platform "${platform}"${suffix}`)
    }
  }

  #context(name: string, key: string, target: string): void {
    const at = ['services', name, 'build', 'additional_contexts', key]
    const found = this.#project.services[target]
    if (found === undefined) {
      this.#report(at, `service "${name}" declares unknown service "${target}" as additional contexts ${key}`)
    } else if (found.build === undefined) {
      this.#report(at, `service "${name}" declares non-buildable service "${target}" as additional contexts ${key}`)
    }
  }

  #network({ name, network_mode: mode = '', networks = {}, healthcheck }: Service): void {
    const at = ['services', name]
    if (mode !== '' && Object.keys(networks).length > 0) {
      const message = `service ${name} declares mutually exclusive \`network_mode\` and \`networks\`${suffix}`
      this.#report([...at, 'network_mode'], message)
    }
    for (const key of Object.keys(networks)) this.#defined(name, 'networks', 'network', key, [...at, 'networks', key])
    const first = healthcheck?.test?.[0]
    if (first !== undefined && !['CMD', 'CMD-SHELL', 'NONE'].includes(first)) {
      this.#report([...at, 'healthcheck', 'test'], 'healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE"')
    }
  }

  #dependencies({ name, depends_on: dependencies = {}, network_mode: mode = '' }: Service): void {
    const { services, disabledServices } = this.#project
    for (const [other, dependency] of Object.entries(dependencies)) {
      if (services[other] !== undefined) continue
      const isOff = disabledServices[other] !== undefined
      if (isOff && !dependency.required) continue
      const nearest = nearestName(other, Object.keys(services))
      const hint = isOff
        ? `"${other}" is switched off by its profiles`
        : nearest === undefined
          ? undefined
          : `did you mean "${nearest}"?`
      const message = `service "${name}" depends on undefined service "${other}"${suffix}`
      this.#report(['services', name, 'depends_on', other], message, hint)
    }
    const shared = mode.startsWith('service:') ? mode.slice('service:'.length) : undefined
    if (shared !== undefined && services[shared] === undefined) {
      const message = `service "${shared}" not found for network_mode 'service:${shared}'`
      this.#report(['services', name, 'network_mode'], message)
    }
  }

  #references(service: Service): void {
    const { name } = service
    const at = ['services', name]
    for (const [index, mount] of (service.volumes ?? []).entries()) {
      if (mount.type !== 'volume' || (mount.source ?? '') === '') continue
      this.#defined(name, 'volumes', 'volume', mount.source ?? '', [...at, 'volumes', index])
    }
    for (const [index, secret] of (service.build?.secrets ?? []).entries()) {
      this.#defined(name, 'secrets', 'build secret', secret.source, [...at, 'build', 'secrets', index])
    }
    for (const [index, config] of (service.configs ?? []).entries()) {
      this.#defined(name, 'configs', 'config', config.source, [...at, 'configs', index])
    }
    for (const model of Object.keys(service.models ?? {})) {
      this.#defined(name, 'models', 'model', model, [...at, 'models', model])
    }
    for (const [index, secret] of (service.secrets ?? []).entries()) {
      this.#defined(name, 'secrets', 'secret', secret.source, [...at, 'secrets', index])
    }
  }

  #defined(
    name: string,
    kind: 'networks' | 'volumes' | 'secrets' | 'configs' | 'models',
    noun: string,
    written: string | undefined,
    path: TreePath,
  ): void {
    // An entry of `secrets` or `configs` may lack its `source`.
    const key = written ?? ''
    if (this.#project[kind][key] !== undefined) return
    const nearest = nearestName(key, Object.keys(this.#project[kind]))
    const wanted = key === '' ? 'say which one with `source:`' : `add "${key}" under \`${kind}\``
    const hint = nearest === undefined ? wanted : `did you mean "${nearest}"?`
    this.#report(path, `service "${name}" refers to undefined ${noun} ${key}${suffix}`, hint)
  }

  #limits(service: Service): void {
    const { name, scale, deploy } = service
    const at = ['services', name]
    const distinct = (old: string, path: string): void => {
      this.#report([...at, old], `services.${name}: can't set distinct values on '${old}' and '${path}'${suffix}`)
    }
    if (scale !== undefined && deploy?.replicas !== undefined && scale !== deploy.replicas)
      distinct('scale', 'deploy.replicas')
    if ((scale ?? 0) < 0) this.#report([...at, 'scale'], `services.${name}.scale: must be greater than or equal to 0`)
    if ((deploy?.replicas ?? 0) < 0) {
      const message = `services.${name}.deploy.replicas: must be greater than or equal to 0`
      this.#report([...at, 'deploy', 'replicas'], message)
    }
    const { limits, reservations } = deploy?.resources ?? {}
    const differs = (old: number | undefined, held: object | undefined, value: number | undefined): boolean =>
      (old ?? 0) !== 0 && held !== undefined && (value ?? 0) !== old
    if (differs(service.cpus, limits, limits?.cpus)) distinct('cpus', 'deploy.resources.limits.cpus')
    if (differs(service.mem_limit, limits, limits?.memory)) distinct('mem_limit', 'deploy.resources.limits.memory')
    if (differs(service.mem_reservation, reservations, reservations?.memory)) {
      distinct('mem_reservation', 'deploy.resources.reservations.memory')
    }
    if (differs(service.pids_limit, limits, limits?.pids)) distinct('pids_limit', 'deploy.resources.limits.pids')
    if (replicasOf(service) > 1 && (service.container_name ?? '') !== '') {
      const field = scale === undefined ? 'deploy.replicas' : 'scale'
      // The two words stand in each other's place upstream as well; scripts look for the sentence.
      const message = `services.${field}: can't set container_name and ${name} as container name must be unique${suffix}`
      this.#report([...at, 'container_name'], message)
    }
  }

  #watch({ name, develop }: Service): void {
    for (const [index, rule] of (develop?.watch ?? []).entries()) {
      if ((rule.target ?? '') !== '' || rule.action === 'rebuild' || rule.action === 'restart') continue
      const message = `services.${name}.develop.watch: target is required for non-rebuild actions${suffix}`
      this.#report(['services', name, 'develop', 'watch', index], message)
    }
  }

  /** Two mounts on one target. */
  #targets({ name, tmpfs = [], volumes = [] }: Service): void {
    const owners = new Map<string, string>()
    const claim = (kind: string, index: number, target: string): void => {
      const place = `services.${name}.${kind}[${index}]`
      const owner = owners.get(target)
      if (owner === undefined) owners.set(target, place)
      else {
        const message = `${place}: target ${target} already mounted as ${owner}`
        this.#report(['services', name, kind, index], message)
      }
    }
    for (const [index, entry] of tmpfs.entries()) claim('tmpfs', index, entry.split(':')[0] ?? '')
    for (const [index, mount] of volumes.entries()) claim('volumes', index, mount.target ?? '')
  }
}
