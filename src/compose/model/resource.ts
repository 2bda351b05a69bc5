import type { Dictionary } from './dictionary.ts'
import type { Extensible } from './scalar.ts'

/** A top-level network. `name` is the engine's name, never empty after loading. */
export interface Network extends Extensible {
  readonly name: string
  readonly driver?: string
  readonly driver_opts?: Dictionary<string>
  readonly ipam?: Ipam
  /** Made by someone else; never created or removed. */
  readonly external?: boolean
  readonly internal?: boolean
  readonly attachable?: boolean
  readonly labels?: Dictionary<string>
  readonly enable_ipv4?: boolean
  readonly enable_ipv6?: boolean
}

export interface Ipam extends Extensible {
  readonly driver?: string
  readonly config?: readonly IpamPool[]
  /** Newer than the reference version, and no part of the hash. */
  readonly options?: Dictionary<string>
}

export interface IpamPool extends Extensible {
  readonly subnet?: string
  readonly gateway?: string
  readonly ip_range?: string
  readonly aux_addresses?: Dictionary<string>
}

/** A top-level volume. `name` is the engine's name, never empty after loading. */
export interface Volume extends Extensible {
  readonly name: string
  readonly driver?: string
  readonly driver_opts?: Dictionary<string>
  readonly external?: boolean
  readonly labels?: Dictionary<string>
  /** Of a file of version 1: made when it is missing, without labels, and otherwise left alone. Stands in no file. */
  readonly isPlain?: boolean
}

/** A top-level secret or config. Exactly one source is set unless it is external. */
export interface FileObject extends Extensible {
  readonly name: string
  /** Absolute path. */
  readonly file?: string
  /** Name of the variable that holds the content. */
  readonly environment?: string
  /** Configs only: the content itself, interpolated. */
  readonly content?: string
  readonly external?: boolean
  readonly labels?: Dictionary<string>
  readonly driver?: string
  readonly driver_opts?: Dictionary<string>
  readonly template_driver?: string
}

/** A top-level AI model. */
export interface Model extends Extensible {
  readonly name?: string
  readonly model?: string
  readonly context_size?: number
  readonly runtime_flags?: readonly string[]
}
