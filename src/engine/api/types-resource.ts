/** Images, networks, volumes, exec, events and the engine itself: the API's own field names, see `types.ts`. */
import type { ContainerConfig, StringMap } from './types.ts'

export interface ImageSummary {
  readonly Id: string
  readonly ParentId: string
  readonly RepoTags: readonly string[] | null
  readonly RepoDigests: readonly string[] | null
  /** Epoch seconds. */
  readonly Created: number
  readonly Size: number
  readonly SharedSize: number
  readonly VirtualSize?: number
  readonly Labels: StringMap | null
  readonly Containers: number
}

export interface ImageInspect {
  readonly Id: string
  readonly RepoTags: readonly string[] | null
  readonly RepoDigests: readonly string[] | null
  readonly Parent?: string
  readonly Comment?: string
  readonly Created?: string
  readonly Author?: string
  readonly Config?: ContainerConfig | null
  readonly Architecture: string
  readonly Variant?: string
  readonly Os: string
  readonly Size: number
  readonly RootFS: { readonly Type: string; readonly Layers?: readonly string[] }
  readonly Metadata?: { readonly LastTagTime?: string }
}

/** One progress document of a pull, push, load, import or build. */
export interface ImageProgress {
  readonly id?: string
  readonly status?: string
  readonly stream?: string
  readonly progress?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
  readonly error?: string
  readonly errorDetail?: { readonly code?: number; readonly message?: string }
  readonly aux?: unknown
}

export interface ImageRemoval {
  readonly Untagged?: string
  readonly Deleted?: string
}

export interface ImageHistoryEntry {
  readonly Id: string
  readonly Created: number
  readonly CreatedBy: string
  readonly Tags: readonly string[] | null
  readonly Size: number
  readonly Comment: string
}

export interface IpamPool {
  readonly Subnet?: string
  readonly IPRange?: string
  readonly Gateway?: string
  readonly AuxiliaryAddresses?: StringMap
}

export interface Ipam {
  readonly Driver?: string
  readonly Options?: StringMap | null
  readonly Config?: readonly IpamPool[] | null
}

export interface NetworkContainer {
  readonly Name: string
  readonly EndpointID: string
  readonly MacAddress: string
  readonly IPv4Address: string
  readonly IPv6Address: string
}

/** `GET /networks/{id}` and a row of `GET /networks` (where `Containers` is empty). */
export interface NetworkInspect {
  readonly Name: string
  readonly Id: string
  readonly Created: string
  readonly Scope: string
  readonly Driver: string
  readonly EnableIPv4?: boolean
  readonly EnableIPv6: boolean
  readonly IPAM: Ipam
  readonly Internal: boolean
  readonly Attachable: boolean
  readonly Ingress: boolean
  readonly ConfigFrom?: { readonly Network: string }
  readonly ConfigOnly?: boolean
  readonly Containers?: Readonly<Record<string, NetworkContainer>> | null
  readonly Options: StringMap | null
  readonly Labels: StringMap | null
}

export interface NetworkCreateBody {
  readonly Name: string
  readonly CheckDuplicate?: boolean
  readonly Driver?: string
  readonly Scope?: string
  readonly Internal?: boolean
  readonly Attachable?: boolean
  readonly Ingress?: boolean
  readonly ConfigOnly?: boolean
  readonly IPAM?: Ipam
  readonly EnableIPv4?: boolean
  readonly EnableIPv6?: boolean
  readonly Options?: StringMap
  readonly Labels?: StringMap
}

export interface NetworkCreated {
  readonly Id: string
  readonly Warning?: string
}

export interface VolumeInspect {
  readonly Name: string
  readonly Driver: string
  readonly Mountpoint: string
  readonly CreatedAt?: string
  readonly Status?: Readonly<Record<string, unknown>>
  readonly Labels: StringMap | null
  readonly Scope: string
  readonly Options: StringMap | null
  readonly UsageData?: { readonly Size: number; readonly RefCount: number } | null
}

export interface VolumeList {
  readonly Volumes: readonly VolumeInspect[] | null
  readonly Warnings: readonly string[] | null
}

export interface VolumeCreateBody {
  readonly Name?: string
  readonly Driver?: string
  readonly DriverOpts?: StringMap
  readonly Labels?: StringMap
}

export interface ExecCreateBody {
  readonly AttachStdin?: boolean
  readonly AttachStdout?: boolean
  readonly AttachStderr?: boolean
  readonly ConsoleSize?: readonly [number, number]
  readonly DetachKeys?: string
  readonly Tty?: boolean
  readonly Env?: readonly string[]
  readonly Cmd: readonly string[]
  readonly Privileged?: boolean
  readonly User?: string
  readonly WorkingDir?: string
}

export interface ExecInspect {
  readonly ID: string
  readonly Running: boolean
  /** Null while it runs. */
  readonly ExitCode: number | null
  readonly ProcessConfig: {
    readonly entrypoint: string
    readonly arguments: readonly string[] | null
    readonly tty: boolean
    readonly privileged?: boolean
    readonly user?: string
  }
  readonly OpenStdin: boolean
  readonly OpenStdout: boolean
  readonly OpenStderr: boolean
  readonly ContainerID: string
  readonly Pid: number
}

/** One document of `GET /events`. */
export interface EngineEvent {
  readonly Type: string
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: StringMap | null }
  readonly scope?: string
  /** Epoch seconds and nanoseconds; the latter exceed what a number holds exactly. */
  readonly time: number
  readonly timeNano: number
  /** The old fields, which containers and images still carry. */
  readonly status?: string
  readonly id?: string
  readonly from?: string
}

export interface EngineVersion {
  readonly Version: string
  readonly ApiVersion: string
  readonly MinAPIVersion?: string
  readonly GitCommit?: string
  readonly GoVersion?: string
  readonly Os: string
  readonly Arch: string
  readonly KernelVersion?: string
  readonly BuildTime?: string
  readonly Experimental?: boolean
  readonly Platform?: { readonly Name: string }
  readonly Components?:
    | readonly { readonly Name: string; readonly Version: string; readonly Details?: StringMap | null }[]
    | null
}

/** `GET /info`. Sizes are bytes. */
export interface EngineInfo {
  readonly ID: string
  readonly Name: string
  readonly ServerVersion: string
  readonly Containers: number
  readonly ContainersRunning: number
  readonly ContainersPaused: number
  readonly ContainersStopped: number
  readonly Images: number
  readonly Driver: string
  readonly DriverStatus: readonly (readonly [string, string])[] | null
  readonly SystemStatus?: readonly (readonly [string, string])[] | null
  readonly Plugins?: Readonly<Record<string, readonly string[] | null>>
  readonly NCPU: number
  readonly MemTotal: number
  readonly OperatingSystem: string
  readonly OSType: string
  readonly OSVersion?: string
  readonly Architecture: string
  readonly KernelVersion: string
  readonly Labels: readonly string[] | null
  readonly DockerRootDir?: string
  readonly SystemTime?: string
  readonly NEventsListener?: number
  readonly CgroupDriver?: string
  readonly CgroupVersion?: string
  /** `name=rootless`, `name=seccomp,profile=default`, … */
  readonly SecurityOptions?: readonly string[] | null
  readonly Swarm?: { readonly NodeID?: string; readonly LocalNodeState?: string; readonly ControlAvailable?: boolean }
  readonly Warnings?: readonly string[] | null
}

/** The head of `GET /_ping`. */
export interface EnginePing {
  readonly apiVersion: string
  readonly osType: string
  readonly isExperimental: boolean
  readonly builderVersion: string
  readonly swarm: string
}
