import type { Dictionary } from './dictionary.ts'
import type { Bytes, Cores, Extensible, Nanoseconds } from './scalar.ts'

/** The `deploy` section of a service. */
export interface Deploy extends Extensible {
  readonly mode?: string
  readonly replicas?: number
  readonly labels?: Dictionary<string>
  readonly update_config?: UpdateConfig
  readonly rollback_config?: UpdateConfig
  readonly resources?: Resources
  readonly restart_policy?: RestartPolicy
  readonly placement?: Placement
  readonly endpoint_mode?: string
}

export interface UpdateConfig extends Extensible {
  readonly parallelism?: number
  readonly delay?: Nanoseconds
  readonly failure_action?: string
  readonly monitor?: Nanoseconds
  readonly max_failure_ratio?: number
  readonly order?: 'start-first' | 'stop-first'
}

export interface Resources extends Extensible {
  readonly limits?: Resource
  readonly reservations?: Resource
}

export interface Resource extends Extensible {
  readonly cpus?: Cores
  readonly memory?: Bytes
  readonly pids?: number
  readonly devices?: readonly DeviceRequest[]
  readonly generic_resources?: readonly GenericResource[]
}

export interface GenericResource extends Extensible {
  readonly discrete_resource_spec?: { readonly kind?: string; readonly value?: number } & Extensible
}

/** A request for GPUs or other devices of a driver. */
export interface DeviceRequest {
  readonly capabilities?: readonly string[]
  readonly driver?: string
  /** -1 means all. */
  readonly count?: number
  readonly device_ids?: readonly string[]
  readonly options?: Dictionary<string>
}

export interface RestartPolicy extends Extensible {
  readonly condition?: string
  readonly delay?: Nanoseconds
  readonly max_attempts?: number
  readonly window?: Nanoseconds
}

export interface Placement extends Extensible {
  readonly constraints?: readonly string[]
  readonly preferences?: readonly ({ readonly spread?: string } & Extensible)[]
  readonly max_replicas_per_node?: number
}
