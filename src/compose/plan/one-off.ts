import { copyDictionary, makeDictionary } from '../model/dictionary.ts'
import type { Dictionary } from '../model/dictionary.ts'
import type { Mount } from '../model/mount.ts'
import type { Project } from '../model/project.ts'
import type { Port, Service } from '../model/service.ts'
import type { NameSeparator } from '../translate/name.ts'
import type { ServiceSlots } from './slot.ts'

/** A container that is not one of its service's own: what `run` makes. */
export interface OneOff {
  readonly service: string
  /** 64 hex digits, the value of the slug label. */
  readonly slug: string
  /** Standard input is joined by the one who starts it, and closed when that one leaves. */
  readonly isAttached: boolean
  /** The engine removes it when it ends. */
  readonly isRemoved: boolean
  /** It answers to the service's names on its networks. */
  readonly hasAliases: boolean
}

/** What the command line says about a one-off container, over what the file says. */
export interface OneOffChange {
  readonly isTty: boolean
  readonly isInteractive: boolean
  /** Replaces the service's command unless empty. */
  readonly command: readonly string[]
  /** Replaces the entrypoint, and the command when none is given. */
  readonly entrypoint?: readonly string[]
  /** `service`: those of the file. */
  readonly ports: readonly Port[] | 'service'
  readonly volumes: readonly Mount[]
  readonly environment: Dictionary<string>
  readonly labels: Dictionary<string>
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
  readonly user?: string
  readonly workingDir?: string
  readonly pullPolicy?: string
}

/** `PROJECT-SERVICE-run-<12 digits of the slug>`. */
export function toOneOffName(project: string, service: string, slug: string, separator: NameSeparator): string {
  return [project, service, 'run', slug.slice(0, 12)].join(separator)
}

/**
 * The project in which a service is what is to be run once: no restarts, and no published ports but those asked for.
 * Its dependencies stay.
 *
 * @param name of the container
 */
export function withOneOff(project: Project, service: Service, name: string, change: OneOffChange): Project {
  const services = copyDictionary(project.services)
  services[service.name] = toOneOffService(service, name, change)
  return { ...project, services }
}

function toOneOffService(service: Service, name: string, change: OneOffChange): Service {
  // The reference program runs no hooks for a one-off container.
  const {
    restart: _restart,
    ports,
    pre_start: _preparing,
    post_start: _started,
    pre_stop: _stopping,
    deploy,
    ...kept
  } = service
  const published = change.ports === 'service' ? (ports ?? []) : change.ports
  const { restart_policy: _policy, ...deployment } = deploy ?? {}
  const capAdd = joinNames(service.cap_add, change.capAdd)
  const capDrop = joinNames(service.cap_drop, change.capDrop)
  return {
    ...kept,
    ...(deploy !== undefined && { deploy: deployment }),
    ...(published.length > 0 && { ports: published }),
    ...(capAdd.length > 0 && { cap_add: capAdd }),
    ...(capDrop.length > 0 && { cap_drop: capDrop }),
    container_name: name,
    scale: 1,
    tty: change.isTty,
    stdin_open: change.isInteractive,
    ...toCommand(change),
    ...(change.user !== undefined && { user: change.user }),
    ...(change.workingDir !== undefined && { working_dir: change.workingDir }),
    environment: lay(service.environment, change.environment),
    labels: lay(service.labels, change.labels),
    volumes: layMounts(service.volumes ?? [], change.volumes),
    ...(change.pullPolicy !== undefined && { pull_policy: change.pullPolicy }),
  }
}

function toCommand({ command, entrypoint }: OneOffChange): Pick<Service, 'command' | 'entrypoint'> {
  return {
    ...(entrypoint !== undefined && { entrypoint, command: [] }),
    ...(command.length > 0 && { command }),
  }
}

function joinNames(own: readonly string[] | undefined, more: readonly string[]): readonly string[] {
  return [...new Set([...(own ?? []), ...more])]
}

/** One place holds one mount. */
function layMounts(under: readonly Mount[], over: readonly Mount[]): readonly Mount[] {
  const taken = new Set(over.map((mount) => mount.target))
  return [...under.filter((mount) => !taken.has(mount.target)), ...over]
}

function lay<T>(under: Dictionary<T> | undefined, over: Dictionary<NonNullable<T>>): Dictionary<T> {
  const joined = makeDictionary<T>()
  return Object.assign(joined, under, over)
}

/** The one container to be made; those the service has stay as they are. */
export function toOneOffSlots(service: Service, oneOff: OneOff): ServiceSlots {
  const name = service.container_name ?? service.name
  return {
    service,
    slots: [{ service, number: 0, name, action: 'create', cause: 'one-off', oneOff }],
    surplus: [],
  }
}
