import { FlotillaError } from '../../core/errors.ts'
import type { Dictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { dropEmpty } from './api-version.ts'
import type { HostConfigBody, MountBody, RestartPolicy, VolumeCreateBody } from './body.ts'
import { toMounts, toTmpfs } from './mount.ts'
import type { InheritedVolume } from './mount.ts'
import { toPortBindings } from './port.ts'
import { toResources } from './resources.ts'
import type { Security } from './security.ts'
import { toCapabilities } from './capability.ts'

/** The parts of a host configuration that do not come from the service alone. */
export interface HostConfigSource {
  readonly inherited: readonly InheritedVolume[]
  /** Key → create body of volumes that may have to be made with the container. */
  readonly brought?: Dictionary<VolumeCreateBody>
  readonly networkMode: string
  readonly volumesFrom: readonly string[]
  /** Legacy links, for containers on the default bridge. */
  readonly links: readonly string[]
  readonly security: Security
  /** Configs and secrets. */
  readonly files: readonly MountBody[]
}

/**
 * The host configuration of one container of a service whose references to other containers are resolved.
 *
 * @throws {compose/invalid} for a restart policy the engine would not know
 */
export function toHostConfig(project: Project, service: Service, source: HostConfigSource): HostConfigBody {
  const { binds, mounts } = toMounts(project, service, source.inherited, source.brought)
  const logging = dropEmpty({ Type: service.logging?.driver ?? '', Config: { ...service.logging?.options } })
  const { security } = source
  const restart = toRestartPolicy(service)
  return {
    ...dropEmpty<HostConfigBody>({
      Annotations: { ...service.annotations },
      Binds: binds,
      CapAdd: toCapabilities(service.cap_add),
      CapDrop: toCapabilities(service.cap_drop),
      CgroupnsMode: service.cgroup ?? '',
      Dns: service.dns ?? [],
      DnsOptions: service.dns_opt ?? [],
      DnsSearch: service.dns_search ?? [],
      GroupAdd: service.group_add ?? [],
      IpcMode: service.ipc ?? '',
      Isolation: service.isolation ?? '',
      Links: source.links,
      LogConfig: logging,
      Mounts: [...mounts, ...source.files],
      NetworkMode: source.networkMode,
      OomScoreAdj: service.oom_score_adj ?? 0,
      PidMode: service.pid ?? '',
      Privileged: service.privileged ?? false,
      ReadonlyRootfs: service.read_only ?? false,
      Runtime: service.runtime ?? '',
      SecurityOpt: security.options,
      ShmSize: service.shm_size ?? 0,
      StorageOpt: { ...service.storage_opt },
      Sysctls: { ...service.sysctls },
      Tmpfs: toTmpfs(service),
      UTSMode: service.uts ?? '',
      UsernsMode: service.userns_mode ?? '',
      VolumeDriver: service.volume_driver ?? '',
      VolumesFrom: source.volumesFrom,
    }),
    // Sent empty as well, as the reference program does: `docker inspect` shows what was sent.
    ExtraHosts: Object.entries(service.extra_hosts ?? {}).flatMap(([host, addresses]) =>
      addresses.map((address) => `${host}:${address}`),
    ),
    PortBindings: toPortBindings(service),
    ...toResources(service),
    ...(restart.Name !== '' && { RestartPolicy: restart }),
    ...(service.init !== undefined && { Init: service.init }),
    ...(security.isUnmasked && { MaskedPaths: [], ReadonlyPaths: [] }),
  }
}

const policies: Readonly<Record<string, RestartPolicy['Name']>> = {
  '': '',
  no: 'no',
  none: 'no',
  always: 'always',
  any: 'always',
  'unless-stopped': 'unless-stopped',
  'on-failure': 'on-failure',
}

/**
 * `deploy.restart_policy` wins over `restart`; `none` and `any` are its words for `no` and `always`. Without a condition
 * nothing is restarted, whatever the Compose Specification says: docker-compose 2 leaves it to the engine
 * (pkg/compose/create.go), and a job that ended would start over and over.
 */
function toRestartPolicy(service: Service): RestartPolicy {
  const policy = service.deploy?.restart_policy
  const text = policy === undefined ? (service.restart ?? '') : (policy.condition ?? '')
  const [condition = '', count] = text.split(':')
  const name = Object.hasOwn(policies, condition) ? policies[condition] : undefined
  const retries = policy === undefined ? Number(count ?? 0) : (policy.max_attempts ?? 0)
  if (name === undefined || !Number.isInteger(retries) || retries < 0) {
    throw new FlotillaError('compose/invalid', `invalid restart policy of service "${service.name}": "${text}"`)
  }
  return { Name: name, ...(name === 'on-failure' && retries > 0 && { MaximumRetryCount: retries }) }
}
