import { isFlotillaError } from '../../../core/errors.ts'
import type { Project } from '../../model/project.ts'
import { replicasOf } from '../../model/service.ts'
import type { Service } from '../../model/service.ts'
import type { NetworkGuests } from '../../translate/body.ts'
import { toEnvironment } from '../../translate/environment.ts'
import { toPortBindings } from '../../translate/port.ts'
import { toResources } from '../../translate/resources.ts'
import type { Observed } from '../observed.ts'
import { toConstraintHints } from './constraint.ts'
import { tieServices } from './tied-services.ts'

/** By which a cluster lets a container leave its data behind: `new`. */
const volumesLabel = 'flotilla.reschedule.volumes'

/** Labels of classic Swarm that hold conditions as JSON lists, and the kind of condition. */
const conditionLabels = [
  ['com.docker.swarm.constraints', 'constraint'],
  ['com.docker.swarm.affinities', 'affinity'],
] as const

/**
 * What the containers on the networks of a project ask of their node, all in one. A network of one node keeps all of them
 * there, so a cluster has to know it before it chooses that node. Services that are not brought up now count: they
 * come to the same networks later. So do those that are tied to one of them.
 */
export function toNetworkGuests(project: Project, observed: Observed): NetworkGuests {
  const services = tieServices(project, (service) => networksOf(project, service, false).length > 0)
  const names = new Set(services.map(({ name }) => name))
  const hosts = new Set(
    observed.containers.flatMap(({ service, node, isOneOff }) =>
      node !== undefined && !isOneOff && names.has(service) ? [node] : [],
    ),
  )
  const [host] = hosts
  // What runs there already takes up its own room and ports.
  const isThere = host !== undefined && hosts.size === 1
  const conditions = services.flatMap(conditionsOf)
  const outside = services.flatMap((service) => networksOf(project, service, true))
  return {
    Env: [...new Set([...conditions, ...(isThere ? [`constraint:node==~${host}`] : [])])],
    HostConfig: {
      Binds: [...new Set(services.flatMap((service) => volumesOf(project, service)))].map(
        (name, at) => `${name}:/v${at}`,
      ),
      VolumesFrom: [...new Set(services.flatMap(containersOf))],
      ...(isThere ? {} : sumUp(services)),
    },
    NetworkingConfig: { EndpointsConfig: Object.fromEntries(outside.map((name) => [name, {}])) },
    ...(mayLoseData(services) && { Labels: { [volumesLabel]: 'new' } }),
  }
}

/** Whether each service that has data says that it may be left behind on a node that is out of service. */
function mayLoseData(services: readonly Service[]): boolean {
  const withData = services.filter(({ volumes = [] }) => volumes.some(({ type }) => type === 'volume'))
  return withData.length > 0 && withData.every(({ labels }) => labels?.[volumesLabel] === 'new')
}

/** Names of the networks of a service that are the project's own, or that are not. */
function networksOf(project: Project, service: Service, areExternal: boolean): readonly string[] {
  return Object.keys(service.networks ?? {}).flatMap((key) => {
    const network = project.networks[key]
    return network === undefined || (network.external === true) !== areExternal ? [] : [network.name]
  })
}

function conditionsOf(service: Service): readonly string[] {
  const fromEnvironment = toEnvironment(service.environment).filter((entry) => /^(?:constraint|affinity):/.test(entry))
  const fromLabels = conditionLabels.flatMap(([label, kind]) =>
    parseTexts(service.labels?.[label]).map((text) => `${kind}:${text}`),
  )
  return [...readHints(service), ...fromEnvironment, ...fromLabels]
}

/** What is wrong with a constraint is said when its service is brought up. */
function readHints(service: Service): readonly string[] {
  try {
    return toConstraintHints(service)
  } catch (error) {
    if (!isFlotillaError(error)) throw error
    return []
  }
}

function parseTexts(json: string | undefined): readonly string[] {
  try {
    const value: unknown = JSON.parse(json ?? '[]')
    return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
  } catch {
    return []
  }
}

function volumesOf(project: Project, service: Service): readonly string[] {
  return (service.volumes ?? []).flatMap(({ type, source = '' }) =>
    type === 'volume' && source !== '' ? [project.volumes[source]?.name ?? source] : [],
  )
}

/** Containers outside of the project whose volumes or name spaces are shared: they tie to their node alike. */
function containersOf({
  volumes_from: volumes = [],
  network_mode: network = '',
  ipc = '',
  pid = '',
}: Service): readonly string[] {
  const prefix = 'container:'
  return [...volumes, network, ipc, pid].flatMap((entry) =>
    entry.startsWith(prefix) ? [entry.slice(prefix.length).split(':')[0] ?? ''] : [],
  )
}

/** The room of all containers together. A host port is asked for once: two cannot have it on one node anyway. */
function sumUp(services: readonly Service[]): NetworkGuests['HostConfig'] {
  const bindings: Record<string, { HostIp?: string; HostPort?: string }[]> = {}
  let nanoCpus = 0
  let memory = 0
  for (const service of services) {
    const { NanoCpus: cpus = 0, Memory: bytes = 0 } = toResources(service)
    nanoCpus += cpus * replicasOf(service)
    memory += bytes * replicasOf(service)
    for (const [key, list] of Object.entries(toPortBindings(service))) {
      const fixed = list.filter(({ HostPort: port = '' }) => /^[1-9]\d*$/.test(port))
      if (fixed.length > 0) bindings[key] = [...(bindings[key] ?? []), ...fixed]
    }
  }
  return { PortBindings: bindings, NanoCpus: nanoCpus, Memory: memory }
}
