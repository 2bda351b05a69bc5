import { compareNames, sortedNames } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { dropEmpty } from './api-version.ts'
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
      DriverOpts: { ...settings?.driver_opts },
      GwPriority: settings?.gw_priority ?? 0,
      IPAMConfig: ipam,
    })
    return { network: project.networks[key]?.name ?? key, endpoint }
  })
}
