import { FlotillaError } from '../../core/errors.ts'
import { compareNames, sortedNames } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { dropEmpty, isApiAtLeast } from './api-version.ts'
import type { EndpointSettings } from './body.ts'

/** One network a container is to be on. */
export interface Attachment {
  /** The engine's name of the network. */
  readonly network: string
  readonly endpoint: EndpointSettings
}

/** What the endpoints of one container are made of. */
export interface EndpointSource {
  readonly containerName: string
  /** `container:alias`, ready for the engine. */
  readonly links: readonly string[]
  /** False: only the container's own name. Default true. */
  readonly hasAliases?: boolean
}

/**
 * Keys of the networks of a service, the primary one first: highest `priority`, then name order.
 * Empty when the service has a `network_mode`.
 */
export function networkKeysOf(service: Service): readonly string[] {
  const networks = service.networks ?? {}
  const priority = (key: string): number => networks[key]?.priority ?? 0
  return [...sortedNames(networks)].sort((a, b) => priority(b) - priority(a) || compareNames(a, b))
}

/** How an engine is told the name of an interface (docker/docker libnetwork/netlabel). Wire constant. */
const interfaceOption = 'com.docker.network.endpoint.ifname'

/**
 * Refuses what an engine of this API version would leave out without a word.
 *
 * @throws {compose/unsupported} naming field, service and release
 */
export function checkEndpoints(service: Service, apiVersion: string): void {
  for (const settings of Object.values(service.networks ?? {})) {
    if ((settings?.interface_name ?? '') !== '' && !isApiAtLeast(apiVersion, '1.49')) {
      throw tooOld(service, 'interface_name requires Docker Engine v28.1 or later')
    }
    if ((settings?.gw_priority ?? 0) !== 0 && !isApiAtLeast(apiVersion, '1.48')) {
      throw tooOld(service, 'gw_priority requires Docker Engine v28.0 or later')
    }
  }
}

function tooOld(service: Service, message: string): FlotillaError {
  return new FlotillaError('compose/unsupported', message, { hint: `service "${service.name}"` })
}

/** The attachments of one container, the primary network first. */
export function toAttachments(project: Project, service: Service, source: EndpointSource): readonly Attachment[] {
  return networkKeysOf(service).map((key, index) => {
    const settings = service.networks?.[key]
    const ipam = dropEmpty({
      IPv4Address: settings?.ipv4_address ?? '',
      IPv6Address: settings?.ipv6_address ?? '',
      LinkLocalIPs: settings?.link_local_ips ?? [],
    })
    const shared = source.hasAliases === false ? [] : [service.name, ...(settings?.aliases ?? [])]
    const aliases = [source.containerName, ...shared]
    const endpoint = dropEmpty<EndpointSettings>({
      Aliases: [...new Set(aliases)],
      Links: source.links,
      // The service's own address is that of its primary endpoint.
      MacAddress: settings?.mac_address ?? (index === 0 ? (service.mac_address ?? '') : ''),
      DriverOpts: {
        ...settings?.driver_opts,
        ...((settings?.interface_name ?? '') !== '' && { [interfaceOption]: settings?.interface_name ?? '' }),
      },
      GwPriority: settings?.gw_priority ?? 0,
    })
    // A network with settings has this part, empty or not, as the reference program sends it.
    const addressed = settings === undefined || settings === null ? endpoint : { ...endpoint, IPAMConfig: ipam }
    return { network: project.networks[key]?.name ?? key, endpoint: addressed }
  })
}
