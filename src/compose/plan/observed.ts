/** States of a container as the engine's list names them. */
export type ContainerState = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'

/** One mount of an existing container. */
export interface ObservedMount {
  readonly type: string
  /** Volume name; absent for bind mounts and tmpfs. */
  readonly name?: string
  readonly source: string
  readonly target: string
}

/** One published port as the engine's list gives it. */
export interface ObservedPort {
  readonly hostIp?: string
  readonly published?: number
  readonly target: number
  readonly protocol: string
}

/** A container that carries the labels of the project. */
export interface ObservedContainer {
  readonly id: string
  /** Without the leading slash, and without the node part a cluster endpoint may put before it. */
  readonly name: string
  /** Node of a cluster endpoint it is on; absent on one engine. */
  readonly node?: string
  readonly service: string
  /** From the container-number label, else from the name; 0 where neither tells one (one-off containers). */
  readonly number: number
  readonly isOneOff: boolean
  readonly state: ContainerState
  /** The engine's words: `Up 3 minutes (healthy)`. */
  readonly status: string
  readonly health?: 'starting' | 'healthy' | 'unhealthy'
  readonly image: string
  /** ID of the image it runs. */
  readonly imageId: string
  readonly command: string
  readonly createdAtMs: number
  readonly labels: Readonly<Record<string, string>>
  /** Network name → network ID. */
  readonly networks: Readonly<Record<string, string>>
  readonly mounts: readonly ObservedMount[]
  readonly ports: readonly ObservedPort[]
}

/** A network as a snapshot of the engine has it. */
export interface ObservedNetwork {
  readonly id: string
  readonly name: string
  readonly driver: string
  /** Of its address management; absent where it has none. */
  readonly ipamOptions?: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
}

/** A volume as a snapshot of the engine has it. */
export interface ObservedVolume {
  readonly name: string
  readonly driver: string
  readonly labels: Readonly<Record<string, string>>
}

export interface ObservedImage {
  readonly id: string
  /** IDs of all images the reference means: the nodes of a cluster may hold different ones under one name. */
  readonly ids: readonly string[]
  /** `name@sha256:…` */
  readonly digests: readonly string[]
  /** `os/architecture[/variant]`; known only where it can matter. */
  readonly platform?: string
  /** When it last got its name here, in milliseconds since 1970; known only where it can matter. */
  readonly taggedAtMs?: number
  /** Paths the image declares as volumes; known only where they can matter. */
  readonly volumes?: readonly string[]
}

/** An engine of a cluster. */
export interface ObservedNode {
  readonly name: string
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  /** In the engines' own swarm: `manager`, `worker`, `none`. */
  readonly role: string
  /** As docker writes them: `linux`, `amd64`. */
  readonly os: string
  readonly architecture: string
  readonly isHealthy: boolean
  /** Healthy, and given new containers. */
  readonly isActive: boolean
  /** Healthy, and keeps what it has while it is given nothing new. */
  readonly isCordoned?: boolean
  /** Containers of any kind on it. */
  readonly containers: number
}

/**
 * What exists for one project at one moment: containers by project label, networks and volumes by label
 * or by a name the project uses, images by a reference the project uses. Plain, frozen data.
 */
export interface Observed {
  /** Sorted by service, then number, then name. */
  readonly containers: readonly ObservedContainer[]
  readonly networks: readonly ObservedNetwork[]
  readonly volumes: readonly ObservedVolume[]
  /** Image reference as the project writes it → image. Missing images are absent. */
  readonly images: Readonly<Record<string, ObservedImage>>
  /** Engines of the cluster, by name; known only where placement depends on them. */
  readonly nodes?: readonly ObservedNode[]
}

/** True for a container of a cluster's node that does not answer: nothing can be done to it until the node is back. */
export function isOutOfReach({ node, status }: ObservedContainer): boolean {
  return node !== undefined && status === 'Host Down'
}

/** True while a process of the container exists. */
export function isAlive(container: ObservedContainer): boolean {
  return container.state === 'running' || container.state === 'restarting' || container.state === 'paused'
}
