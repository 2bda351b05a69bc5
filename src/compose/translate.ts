import { FlotillaError } from '../core/errors.ts'
import { hashNetwork, hashService, hashVolume } from './hash.ts'
import type { Dictionary } from './model/dictionary.ts'
import { noMaterials } from './model/material.ts'
import type { Project } from './model/project.ts'
import type { Network, Volume } from './model/resource.ts'
import type { Healthcheck, Service } from './model/service.ts'
import { FIELDS_LABEL, renderFieldDigests } from './plan/field-digest.ts'
import { COMPOSE_VERSION, FILES_LABEL, LABEL, PREDECESSOR_LABEL } from './plan/label.ts'
import type { OneOff } from './plan/one-off.ts'
import { dropEmpty, isApiAtLeast } from './translate/api-version.ts'
import type {
  ContainerCreateBody,
  EndpointSettings,
  Healthconfig,
  NetworkCreateBody,
  VolumeCreateBody,
} from './translate/body.ts'
import { toEnvironment } from './translate/environment.ts'
import { deliverFiles } from './translate/file.ts'
import type { FileDelivery } from './translate/file.ts'
import { toHostConfig } from './translate/host-config.ts'
import { checkMounts } from './translate/mount.ts'
import type { InheritedVolume } from './translate/mount.ts'
import { toContainerName, toImageReference } from './translate/name.ts'
import type { NameSeparator } from './translate/name.ts'
import { checkEndpoints, toAttachments } from './translate/network.ts'
import type { Attachment } from './translate/network.ts'
import { toExposedPorts } from './translate/port.ts'
import { resolveReferences, toVolumesFrom } from './translate/reference.ts'

export type { ContainerCreateBody, EndpointSettings, NetworkCreateBody, VolumeCreateBody } from './translate/body.ts'

const nanosPerSecond = 1e9

/** Everything one container is made of, except the IDs of containers that do not exist yet. */
export interface ContainerDraft {
  readonly project: Project
  readonly service: Service
  readonly number: number
  /** Absent only in a dry run with a missing image. */
  readonly imageId?: string
  /** Anonymous volumes of the container this one replaces. */
  readonly inherited: readonly InheritedVolume[]
  /** The container it replaces, name without the project. */
  readonly replaces?: string
  /** ID of the container it replaces, where its name does not tell. */
  readonly predecessor?: string
  /** It is none of the service's own: `run` makes it. */
  readonly oneOff?: OneOff
  readonly links: readonly string[]
  /** Environment entries for a cluster's scheduler; they take no part in the hash. */
  readonly placementHints: readonly string[]
  /** Networks that it is not on, whose node a cluster should give it. */
  readonly nearNetworks?: readonly string[]
  /** Key → create body of volumes that the engine makes with the container unless they are there. */
  readonly brought?: Dictionary<VolumeCreateBody>
  readonly separator: NameSeparator
  /** On its networks it goes by its own name only, not by those of the service. */
  readonly isHidden?: boolean
  /** How configs and secrets get in; absent: mounted from the engine's disk. */
  readonly files?: FileDelivery
  /** The engine's, `1.41`. */
  readonly apiVersion: string
}

/**
 * The create body of one container.
 *
 * @param ids container IDs of the services the draft's service refers to (`network_mode: service:x`)
 * @throws {compose/plan} when one of them is missing
 * @throws {compose/unsupported} naming a field this version or this engine cannot do
 */
export function toCreateBody(draft: ContainerDraft, ids: Dictionary<string>): ContainerCreateBody {
  const { project } = draft
  const service = resolveReferences(draft.service, ids)
  checkEndpoints(service, draft.apiVersion)
  checkMounts(service, draft.apiVersion)
  const attachments = toDraftAttachments(draft)
  const mode = service.network_mode ?? attachments[0]?.network ?? 'none'
  // Engines before API 1.44 take one endpoint here; the others are connected by steps of their own.
  const files = deliverDraftFiles(draft)
  const endpoints = isApiAtLeast(draft.apiVersion, '1.44') ? attachments : attachments.slice(0, 1)
  const config: Partial<ContainerCreateBody> = {
    Hostname: service.hostname ?? '',
    Domainname: service.domainname ?? '',
    User: service.user ?? '',
    ExposedPorts: toExposedPorts(service),
    Tty: service.tty ?? false,
    OpenStdin: service.stdin_open ?? false,
    AttachStdin: draft.oneOff?.isAttached === true,
    StdinOnce: draft.oneOff?.isAttached === true && service.stdin_open === true,
    AttachStdout: true,
    AttachStderr: true,
    WorkingDir: service.working_dir ?? '',
    MacAddress: toContainerMac(draft, service, attachments),
    StopSignal: service.stop_signal ?? '',
    Env: [...toEnvironment(service.environment), ...draft.placementHints],
    Healthcheck: toHealthcheck(service.name, service.healthcheck, draft.apiVersion),
  }
  const grace = service.stop_grace_period
  return {
    Image: toImageReference(project, service),
    ...dropEmpty(config),
    ...(service.command !== undefined && { Cmd: service.command }),
    ...(service.entrypoint !== undefined && { Entrypoint: service.entrypoint }),
    ...(grace !== undefined && { StopTimeout: Math.trunc(grace / nanosPerSecond) }),
    Labels: toLabels(draft, service),
    HostConfig: {
      ...toHostConfig(project, service, {
        inherited: draft.inherited,
        ...(draft.brought !== undefined && { brought: draft.brought }),
        networkMode: mode,
        volumesFrom: toVolumesFrom(draft.service, ids),
        links: isLegacyBridge(service) ? draft.links : [],
        files: files.mounts,
        security: files.security,
      }),
      ...(draft.oneOff?.isRemoved === true && { AutoRemove: true }),
    },
    ...(endpoints.length > 0 && { NetworkingConfig: { EndpointsConfig: toEndpoints(endpoints, draft.apiVersion) } }),
    ...((draft.nearNetworks ?? []).length > 0 && { Flotilla: { Networks: draft.nearNetworks ?? [] } }),
  }
}

function deliverDraftFiles(draft: ContainerDraft): FileDelivery {
  return draft.files ?? deliverFiles(draft.project, draft.service, noMaterials)
}

/** The networks a draft's container is to be on, the primary one first. */
export function toDraftAttachments(draft: ContainerDraft): readonly Attachment[] {
  const containerName = toContainerName(draft.project.name, draft.service, draft.number, draft.separator)
  const hasAliases = draft.oneOff?.hasAliases !== false
  const attachments = toAttachments(draft.project, draft.service, { containerName, links: draft.links, hasAliases })
  if (draft.isHidden !== true) return attachments
  return attachments.map(({ network, endpoint }) => ({ network, endpoint: { ...endpoint, Aliases: [] } }))
}

/**
 * The create body of a network of the project.
 *
 * @param isCluster the network may span engines: there a plain container can join only an attachable one
 *   (docker-compose 1.29 compose/network.py asks for it always)
 */
export function toNetworkBody(
  project: Project,
  key: string,
  network: Network,
  isCluster: boolean = false,
): NetworkCreateBody {
  const ipam = network.ipam
  return {
    ...dropEmpty({
      Driver: network.driver ?? '',
      Options: { ...network.driver_opts },
      Internal: network.internal ?? false,
      Attachable: network.attachable ?? isCluster,
      IPAM: dropEmpty({
        Driver: ipam?.driver ?? '',
        Options: { ...ipam?.options },
        Config: (ipam?.config ?? []).map((pool) =>
          dropEmpty({
            Subnet: pool.subnet ?? '',
            IPRange: pool.ip_range ?? '',
            Gateway: pool.gateway ?? '',
            AuxiliaryAddresses: { ...pool.aux_addresses },
          }),
        ),
      }),
    }),
    ...(network.enable_ipv4 !== undefined && { EnableIPv4: network.enable_ipv4 }),
    ...(network.enable_ipv6 !== undefined && { EnableIPv6: network.enable_ipv6 }),
    Name: network.name,
    CheckDuplicate: true,
    Labels: {
      ...network.labels,
      [LABEL.network]: key,
      [LABEL.project]: project.name,
      [LABEL.version]: COMPOSE_VERSION,
      [LABEL.configHash]: hashNetwork(network),
    },
  }
}

/** The create body of a volume of the project. */
export function toVolumeBody(project: Project, key: string, volume: Volume): VolumeCreateBody {
  return {
    ...dropEmpty({ Driver: volume.driver ?? '', DriverOpts: { ...volume.driver_opts } }),
    Name: volume.name,
    Labels:
      volume.isPlain === true
        ? {}
        : {
            ...volume.labels,
            [LABEL.volume]: key,
            [LABEL.project]: project.name,
            [LABEL.version]: COMPOSE_VERSION,
            [LABEL.configHash]: hashVolume(volume),
          },
  }
}

function toLabels(draft: ContainerDraft, resolved: Service): Readonly<Record<string, string>> {
  const { project, service } = draft
  const hash = hashService(resolved)
  const dependencies = Object.entries(service.depends_on ?? {}).map(
    ([name, dependency]) => `${name}:${dependency.condition}:${dependency.restart === true}`,
  )
  const files = project.environmentFiles
  return {
    ...service.labels,
    [LABEL.project]: project.name,
    [LABEL.service]: service.name,
    ...(draft.oneOff === undefined
      ? { [LABEL.number]: String(draft.number), [LABEL.oneOff]: 'False' }
      : { [LABEL.slug]: draft.oneOff.slug, [LABEL.oneOff]: 'True' }),
    [LABEL.configHash]: hash,
    [LABEL.image]: draft.imageId ?? '',
    [LABEL.dependsOn]: dependencies.join(','),
    [LABEL.workingDir]: project.workingDir,
    [LABEL.configFiles]: project.composeFiles.join(','),
    ...(files.length > 0 && { [LABEL.environmentFile]: files.join(',') }),
    [LABEL.version]: COMPOSE_VERSION,
    ...(draft.replaces !== undefined && { [LABEL.replace]: draft.replaces }),
    ...(draft.predecessor !== undefined && { [PREDECESSOR_LABEL]: draft.predecessor }),
    // What is run once is never compared.
    ...(draft.oneOff === undefined && { [FIELDS_LABEL]: renderFieldDigests(resolved, hash) }),
    ...toFileLabel(deliverDraftFiles(draft)),
  }
}

/** Our own: by it a later run knows that what a config or secret holds has changed. */
function toFileLabel({ fingerprints }: FileDelivery): Readonly<Record<string, string>> {
  return fingerprints === '' ? {} : { [FILES_LABEL]: fingerprints }
}

function toHealthcheck(service: string, check: Healthcheck | undefined, apiVersion: string): Healthconfig {
  if (check === undefined) return {}
  if (check.disable === true) return { Test: ['NONE'] }
  if (check.start_interval !== undefined && !isApiAtLeast(apiVersion, '1.44')) {
    throw new FlotillaError(
      'compose/unsupported',
      `can't set healthcheck.start_interval of service "${service}" as feature require Docker Engine v25 or later`,
    )
  }
  if (check.start_interval !== undefined && check.start_period === undefined) {
    throw new FlotillaError(
      'compose/invalid',
      'healthcheck.start_interval requires healthcheck.start_period to be set',
      { hint: `service "${service}"` },
    )
  }
  return dropEmpty({
    Test: check.test ?? [],
    Interval: check.interval ?? 0,
    Timeout: check.timeout ?? 0,
    Retries: check.retries ?? 0,
    StartPeriod: check.start_period ?? 0,
    StartInterval: check.start_interval ?? 0,
  })
}

/** Before API 1.44 a container has one MAC address of its own; later each endpoint has one. */
function toContainerMac(draft: ContainerDraft, service: Service, attachments: readonly Attachment[]): string {
  if (isApiAtLeast(draft.apiVersion, '1.44')) return ''
  const withMac = attachments.filter((attachment) => attachment.endpoint.MacAddress !== undefined)
  if (withMac.length > 1) {
    const names = withMac.map((attachment) => attachment.network).join(', ')
    throw new FlotillaError(
      'compose/unsupported',
      `a MAC address is specified for multiple networks (${names}), but this feature requires Docker Engine v25 or later`,
    )
  }
  // That of another network would be given to the first.
  return attachments[0]?.endpoint.MacAddress ?? service.mac_address ?? ''
}

function toEndpoints(
  attachments: readonly Attachment[],
  apiVersion: string,
): Readonly<Record<string, EndpointSettings>> {
  return Object.fromEntries(
    attachments.map(({ network, endpoint }) => {
      if (isApiAtLeast(apiVersion, '1.44')) return [network, endpoint]
      const { MacAddress: _mac, ...older } = endpoint
      return [network, older]
    }),
  )
}

/** Where links are the engine's own (`HostConfig.Links`), which follow the linked container and not its name. */
export function isLegacyBridge(service: Service): boolean {
  return service.network_mode === 'bridge' || service.network_mode === 'default'
}
