import type { Build, Ulimit } from './build.ts'
import type { Deploy, DeviceRequest } from './deploy.ts'
import type { Dictionary } from './dictionary.ts'
import type { FileReference, Mount } from './mount.ts'
import type { Bytes, Cores, Extensible, Nanoseconds } from './scalar.ts'

/**
 * One service in normal form: short syntaxes expanded, paths absolute, dependencies that follow from
 * links and shared namespaces added. Keys are the file's own.
 *
 * An absent field was not set. `false`, 0 and '' mean the same as absent to the engine and to the hash,
 * except where a field says otherwise.
 */
export interface Service extends Extensible {
  /** The key in the file. */
  readonly name: string
  readonly profiles?: readonly string[]
  readonly annotations?: Dictionary<string>
  /** `false`: `up` does not show its output. */
  readonly attach?: boolean
  readonly build?: Build
  readonly develop?: Develop
  readonly blkio_config?: BlkioConfig
  readonly cap_add?: readonly string[]
  readonly cap_drop?: readonly string[]
  readonly cgroup_parent?: string
  readonly cgroup?: string
  readonly cpu_count?: number
  readonly cpu_percent?: number
  readonly cpu_period?: number
  readonly cpu_quota?: number
  readonly cpu_rt_period?: number
  readonly cpu_rt_runtime?: number
  readonly cpus?: Cores
  readonly cpuset?: string
  readonly cpu_shares?: number
  /** Absent: the image's. Empty: none. */
  readonly command?: readonly string[]
  readonly configs?: readonly FileReference[]
  readonly container_name?: string
  readonly credential_spec?: CredentialSpec
  readonly depends_on?: Dictionary<Dependency>
  readonly deploy?: Deploy
  readonly device_cgroup_rules?: readonly string[]
  readonly devices?: readonly DeviceMapping[]
  readonly dns?: readonly string[]
  readonly dns_opt?: readonly string[]
  readonly dns_search?: readonly string[]
  readonly dockerfile?: string
  readonly domainname?: string
  /** Absent: the image's. Empty: none. */
  readonly entrypoint?: readonly string[]
  readonly provider?: Provider
  /** `null`: the variable is removed from what the image sets. */
  readonly environment?: Dictionary<string | null>
  /** Absent once the files are merged into `environment` (the default of loading). */
  readonly env_file?: readonly EnvFile[]
  readonly expose?: readonly string[]
  readonly external_links?: readonly string[]
  /** Host name → addresses. */
  readonly extra_hosts?: Dictionary<readonly string[]>
  readonly group_add?: readonly string[]
  readonly gpus?: readonly DeviceRequest[]
  readonly hostname?: string
  readonly healthcheck?: Healthcheck
  readonly image?: string
  /** Absent: the engine's default; `false` is sent. */
  readonly init?: boolean
  readonly ipc?: string
  readonly isolation?: string
  readonly labels?: Dictionary<string>
  readonly label_file?: readonly string[]
  readonly links?: readonly string[]
  readonly logging?: Logging
  readonly log_driver?: string
  readonly log_opt?: Dictionary<string>
  readonly mem_limit?: Bytes
  readonly mem_reservation?: Bytes
  readonly memswap_limit?: Bytes
  /** 0 to 100. */
  readonly mem_swappiness?: number
  readonly mac_address?: string
  readonly models?: Dictionary<ServiceModel | null>
  readonly net?: string
  readonly network_mode?: string
  /** Key of a top-level network → endpoint settings. */
  readonly networks?: Dictionary<ServiceNetwork | null>
  readonly oom_kill_disable?: boolean
  readonly oom_score_adj?: number
  readonly pid?: string
  readonly pids_limit?: number
  readonly platform?: string
  readonly ports?: readonly Port[]
  readonly privileged?: boolean
  readonly pull_policy?: string
  readonly read_only?: boolean
  readonly restart?: string
  readonly runtime?: string
  /** 0 means no container. See `replicasOf`. */
  readonly scale?: number
  readonly secrets?: readonly FileReference[]
  readonly security_opt?: readonly string[]
  readonly shm_size?: Bytes
  readonly stdin_open?: boolean
  /** 0 is kept: kill at once. */
  readonly stop_grace_period?: Nanoseconds
  readonly stop_signal?: string
  readonly storage_opt?: Dictionary<string>
  readonly sysctls?: Dictionary<string>
  /** `path[:options]` */
  readonly tmpfs?: readonly string[]
  readonly tty?: boolean
  readonly ulimits?: Dictionary<Ulimit>
  readonly use_api_socket?: boolean
  readonly user?: string
  readonly userns_mode?: string
  readonly uts?: string
  readonly volume_driver?: string
  readonly volumes?: readonly Mount[]
  /** `service[:ro]` or `container:name[:ro]` */
  readonly volumes_from?: readonly string[]
  readonly working_dir?: string
  readonly pre_start?: readonly InitHook[]
  readonly post_start?: readonly Hook[]
  readonly pre_stop?: readonly Hook[]
}

/** What a service waits for before it starts. */
export interface Dependency extends Extensible {
  readonly condition: 'service_started' | 'service_healthy' | 'service_completed_successfully'
  /** Restart this service when the dependency is restarted or recreated. */
  readonly restart?: boolean
  /** `false`: go on with a warning when the dependency is absent or fails. */
  readonly required: boolean
}

/** How the engine finds out whether a container is well; what is left out is the image's. */
export interface Healthcheck extends Extensible {
  /** First word `CMD`, `CMD-SHELL` or `NONE`. */
  readonly test?: readonly string[]
  readonly timeout?: Nanoseconds
  readonly interval?: Nanoseconds
  readonly retries?: number
  readonly start_period?: Nanoseconds
  readonly start_interval?: Nanoseconds
  readonly disable?: boolean
}

/** One published port, or a range on the host's side. */
export interface Port extends Extensible {
  readonly name?: string
  readonly mode?: string
  readonly host_ip?: string
  readonly target: number
  /** A number or `first-last`, as text; absent: the engine chooses. */
  readonly published?: string
  readonly protocol?: string
  readonly app_protocol?: string
}

/** Settings of one endpoint. */
export interface ServiceNetwork extends Extensible {
  readonly aliases?: readonly string[]
  readonly driver_opts?: Dictionary<string>
  readonly gw_priority?: number
  readonly interface_name?: string
  readonly ipv4_address?: string
  readonly ipv6_address?: string
  readonly link_local_ips?: readonly string[]
  readonly mac_address?: string
  readonly priority?: number
}

export interface Logging extends Extensible {
  readonly driver?: string
  readonly options?: Dictionary<string>
}

/** A command run in a container of the service by compose itself. */
export interface Hook extends Extensible {
  readonly command?: readonly string[]
  readonly user?: string
  readonly privileged?: boolean
  readonly working_dir?: string
  readonly environment?: Dictionary<string | null>
}

/** A command run to its end in a container of its own before the containers of the service start. */
export interface InitHook extends Hook {
  /** Absent: the service's image. */
  readonly image?: string
  /** Once for every container that is about to start, not once for the service. */
  readonly per_replica?: boolean
}

export interface EnvFile {
  /** Absolute path. */
  readonly path: string
  /** `false`: a missing file is ignored. */
  readonly required: boolean
  /** `raw`: no quotes, no expansion. */
  readonly format?: string
}

export interface DeviceMapping extends Extensible {
  /** A device on the host, or a CDI name. */
  readonly source: string
  readonly target?: string
  readonly permissions?: string
}

export interface BlkioConfig extends Extensible {
  readonly weight?: number
  readonly weight_device?: readonly WeightDevice[]
  readonly device_read_bps?: readonly ThrottleDevice[]
  readonly device_read_iops?: readonly ThrottleDevice[]
  readonly device_write_bps?: readonly ThrottleDevice[]
  readonly device_write_iops?: readonly ThrottleDevice[]
}

export interface WeightDevice extends Extensible {
  readonly path: string
  readonly weight: number
}

export interface ThrottleDevice extends Extensible {
  readonly path: string
  /** Bytes or operations a second. */
  readonly rate: number
}

export interface CredentialSpec extends Extensible {
  readonly config?: string
  readonly file?: string
  readonly registry?: string
}

/** A service run by another program; it has no container. */
export interface Provider extends Extensible {
  readonly type: string
  readonly options?: Dictionary<readonly string[]>
}

export interface ServiceModel extends Extensible {
  readonly endpoint_var?: string
  readonly model_var?: string
}

export interface Develop extends Extensible {
  readonly watch?: readonly WatchRule[]
}

export interface WatchRule extends Extensible {
  /** Absolute path. */
  readonly path: string
  readonly action: 'sync' | 'rebuild' | 'restart' | 'sync+restart' | 'sync+exec'
  readonly target?: string
  readonly exec?: Hook
  readonly include?: readonly string[]
  readonly ignore?: readonly string[]
  readonly initial_sync?: boolean
}

/** How many containers the file asks for: `scale`, else `deploy.replicas`, else 1. */
export function replicasOf(service: Service): number {
  return service.scale ?? service.deploy?.replicas ?? 1
}
