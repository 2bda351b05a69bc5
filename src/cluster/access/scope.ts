import type { DepartedEngines } from '../departed.ts'
import type { Directory, Lookup } from '../directory.ts'
import { GENERATION_LABEL, SWARM_ID_LABEL } from '../model.ts'
import { PROJECT_LABEL } from '../project-label.ts'
import { TENANT_LABEL } from '../tenants/owner.ts'
import { valuesAt } from './fields.ts'
import type { Touched } from './routes.ts'

/** What there is in the cluster, for those who may change a part of it only. */
export interface Surroundings {
  readonly directory: Pick<Directory, 'findContainer' | 'findNetwork' | 'volumeHolders'>
  /** Containers of engines that left discovery. */
  readonly departed: Pick<DepartedEngines, 'find'>
}

/**
 * What the manager tells containers apart by: under the swarm ID of another one, and a higher generation, a container
 * would be its replacement, for which the other is removed. And what says whose something is.
 */
const reservedLabels: ReadonlySet<string> = new Set([SWARM_ID_LABEL, GENERATION_LABEL, TENANT_LABEL])

/** What may be that of another container, besides its network; some of them only in the eyes of some engines. */
const joinable = ['PidMode', 'IpcMode', 'UTSMode', 'UsernsMode', 'CgroupnsMode', 'Cgroup'] as const

/** One call, as far as it matters here. */
export interface Action {
  readonly touches: Touched
  /** Container, network or volume of the path; for an exec the ID of its container. */
  readonly name: string
  readonly query: URLSearchParams
  /** Parsed JSON; `undefined` where there is none. */
  readonly body: unknown
}

interface Labelled {
  readonly labels: ReadonlyMap<string, string>
}

/** Networks that each engine has of its own and that belong to nobody. */
const commonNetworks: ReadonlySet<string> = new Set(['', 'default', 'bridge', 'none', 'nat', 'host'])

/**
 * What of a call lies outside the Compose projects of a deployer: a sentence about the first such thing, or undefined.
 * What is not there is left to the call itself where it acts on it, and refused where something new would refer to it:
 * it might be there, and somebody else's, a moment later.
 */
export function findForeign(action: Action, projects: readonly string[], around: Surroundings): string | undefined {
  const scope = new Scope(projects, around)
  const { touches, name, query, body } = action
  switch (touches) {
    case 'container':
      return scope.container(name.replace(/\/checkpoints\/[^/]+$/, ''), false)
    case 'exec':
      return scope.container(name, true)
    case 'commit':
      return first(query.getAll('container').map((each) => scope.container(each, false)))
    case 'network':
      return scope.network(name, false)
    case 'volume':
      return scope.volume(name)
    case 'attachment':
      return first([
        commonNetworks.has(name) ? undefined : scope.network(name, false),
        ...texts(body, 'Container').map((each) => scope.container(each, false)),
        // Engines follow this ID rather than the name beside it.
        ...texts(body, 'EndpointConfig.NetworkID').map((each) => scope.networkMode(each)),
      ])
    case 'build':
      return first(query.getAll('networkmode').map((mode) => scope.networkMode(mode)))
    default:
      return scope.made(body)
  }
}

function first(problems: readonly (string | undefined)[]): string | undefined {
  return problems.find((each) => each !== undefined)
}

/** Texts at a path, under every spelling of it. */
function texts(body: unknown, path: string): readonly string[] {
  return valuesAt(body, path.split('.')).filter((each) => typeof each === 'string')
}

class Scope {
  readonly #projects: readonly string[]
  readonly #around: Surroundings

  constructor(projects: readonly string[], around: Surroundings) {
    this.#projects = projects
    this.#around = around
  }

  container(reference: string, mustBeThere: boolean): string | undefined {
    const found = this.#around.directory.findContainer(reference)
    const known = found.kind === 'missing' ? this.#around.departed.find(reference) : found
    return this.#judge('container', reference, known, mustBeThere)
  }

  network(reference: string, mustBeThere: boolean): string | undefined {
    return this.#judge('network', reference, this.#around.directory.findNetwork(reference), mustBeThere)
  }

  /** Every node's: what is removed is removed everywhere, and the next container may be on any of them. */
  volume(reference: string): string | undefined {
    const { directory } = this.#around
    const bare = reference.slice(reference.lastIndexOf('/') + 1)
    return this.#judgeAll('volume', reference, [
      ...directory.volumeHolders(reference),
      ...directory.volumeHolders(bare),
    ])
  }

  networkMode(mode: string): string | undefined {
    const container = containerOf(mode)
    if (container !== undefined) return this.container(container, true)
    if (commonNetworks.has(mode)) return undefined
    const found = this.#around.directory.findNetwork(mode)
    // `node-1/bridge`, or its ID.
    if (found.kind === 'found' && commonNetworks.has(found.item.name)) return undefined
    return this.network(mode, true)
  }

  /** A new container, network or volume: it has to carry the label, and what it refers to has to be theirs. */
  made(body: unknown): string | undefined {
    const labels = valuesAt(body, ['Labels']).flatMap((each) => Object.entries(Object(each)))
    const reserved = labels.map(([key]) => key).find((key) => reservedLabels.has(key))
    if (reserved !== undefined) return `the label ${reserved} is not for them to give`
    const projects = labels.flatMap(([key, value]) => (key === PROJECT_LABEL ? [String(value)] : []))
    if (projects.length === 0) return `what is made has to have the label ${PROJECT_LABEL}`
    const other = projects.find((each) => !this.#projects.includes(each))
    if (other !== undefined) return `project ${JSON.stringify(other)} is not one of theirs`
    const networks = valuesAt(body, ['NetworkingConfig', 'EndpointsConfig']).flatMap((each) =>
      Object.keys(Object(each)),
    )
    return first([
      ...[
        ...texts(body, 'HostConfig.NetworkMode'),
        ...networks,
        // Engines follow this ID rather than the name it stands under.
        ...texts(body, 'NetworkingConfig.EndpointsConfig.*.NetworkID'),
      ].map((mode) => this.networkMode(mode)),
      ...joinable
        .flatMap((key) => texts(body, `HostConfig.${key}`))
        .map((mode) => {
          const container = containerOf(mode)
          return container === undefined ? undefined : this.container(container, true)
        }),
      ...[
        ...texts(body, 'HostConfig.VolumesFrom.*'),
        ...texts(body, 'HostConfig.Links.*'),
        ...texts(body, 'NetworkingConfig.EndpointsConfig.*.Links.*'),
      ].map((text) => this.container(text.split(':')[0] ?? '', true)),
      ...[...texts(body, 'HostConfig.Binds.*').map(sourceOf), ...texts(body, 'HostConfig.Mounts.*.Source')].map(
        (name) => this.volume(name),
      ),
    ])
  }

  #judge(what: string, reference: string, found: Lookup<Labelled>, mustBeThere: boolean): string | undefined {
    if (found.kind === 'missing') return mustBeThere ? `${what} ${reference} is not there` : undefined
    return this.#judgeAll(what, reference, found.kind === 'found' ? [found] : found.matches)
  }

  #judgeAll(what: string, reference: string, found: readonly { readonly item: Labelled }[]): string | undefined {
    for (const { item } of found) {
      const project = item.labels.get(PROJECT_LABEL)
      if (project === undefined) return `${what} ${reference} belongs to no project`
      if (!this.#projects.includes(project)) return `${what} ${reference} belongs to project ${JSON.stringify(project)}`
    }
    return undefined
  }
}

function containerOf(mode: string): string | undefined {
  return mode.startsWith('container:') ? mode.slice('container:'.length) : undefined
}

/** The volume of `VOLUME:TARGET`; empty where there is none. */
function sourceOf(bind: string): string {
  const cut = bind.indexOf(':')
  return cut < 0 ? '' : bind.slice(0, cut)
}
