import type { Dictionary } from './dictionary.ts'
import type { Bytes, Extensible, FileMode } from './scalar.ts'

/** One entry of `volumes` of a service, always in the long form. */
export interface Mount extends Extensible {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'npipe' | 'cluster' | 'image'
  /** Absolute path, key of a top-level volume, image; absent for an anonymous volume and tmpfs. */
  readonly source?: string
  readonly target?: string
  readonly read_only?: boolean
  readonly consistency?: string
  readonly bind?: BindOptions
  readonly volume?: VolumeOptions
  readonly tmpfs?: TmpfsOptions
  readonly image?: ImageOptions
}

export interface BindOptions extends Extensible {
  readonly selinux?: 'z' | 'Z'
  readonly propagation?: string
  /** Make the folder on the host when it is absent. */
  readonly create_host_path?: boolean
  readonly recursive?: 'enabled' | 'disabled' | 'writable' | 'readonly'
}

export interface VolumeOptions extends Extensible {
  readonly labels?: Dictionary<string>
  readonly nocopy?: boolean
  readonly subpath?: string
}

export interface TmpfsOptions extends Extensible {
  readonly size?: Bytes
  readonly mode?: FileMode
}

export interface ImageOptions extends Extensible {
  readonly subpath?: string
}

/** A config or secret given to a service or a build. */
export interface FileReference extends Extensible {
  /** Key of the top-level config or secret. */
  readonly source: string
  readonly target?: string
  readonly uid?: string
  readonly gid?: string
  readonly mode?: FileMode
}
