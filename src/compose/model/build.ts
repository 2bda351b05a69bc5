import type { Dictionary } from './dictionary.ts'
import type { FileReference } from './mount.ts'
import type { Bytes, Extensible } from './scalar.ts'

/** One SSH agent socket or key made available to a build. */
export interface SshKey {
  readonly id: string
  /** Absent: the agent of the environment. */
  readonly path?: string
}

/** A number for both limits, or each on its own. */
export interface Ulimit extends Extensible {
  readonly single?: number
  readonly soft?: number
  readonly hard?: number
}

/** How the image of a service is built. Paths are absolute. */
export interface Build extends Extensible {
  /** A folder, or a URL of a repository or archive. */
  readonly context?: string
  readonly dockerfile?: string
  readonly dockerfile_inline?: string
  readonly entitlements?: readonly string[]
  readonly args?: Dictionary<string | null>
  readonly provenance?: string
  readonly sbom?: string
  readonly ssh?: readonly SshKey[]
  readonly labels?: Dictionary<string>
  readonly cache_from?: readonly string[]
  readonly cache_to?: readonly string[]
  readonly no_cache?: boolean
  /** Stages built anew. */
  readonly no_cache_filter?: readonly string[]
  readonly additional_contexts?: Dictionary<string>
  readonly pull?: boolean
  readonly extra_hosts?: Dictionary<readonly string[]>
  readonly isolation?: string
  readonly network?: string
  readonly target?: string
  readonly secrets?: readonly FileReference[]
  readonly shm_size?: Bytes
  readonly tags?: readonly string[]
  readonly ulimits?: Dictionary<Ulimit>
  readonly platforms?: readonly string[]
  readonly privileged?: boolean
}
