/** What a config or secret is. */
export type FileKind = 'secret' | 'config'

/** What is known besides: profiles of the kernel's system call filter, by path, and mounted images, by reference. */
export type MaterialKind = FileKind | 'seccomp' | 'image'

/** The content of one config or secret, read before planning. */
export interface Material {
  /** Absent: there is nothing to read at the place the file names, or it is a folder. */
  readonly content?: Uint8Array
  /** Tells one content from another without giving it away; absent without content. */
  readonly fingerprint?: string
}

/**
 * What the configs and secrets of a project hold. Values stay in here: plans, labels, the hash and all output
 * have names and fingerprints only.
 */
export interface Materials {
  /** Files of this computer are not those of the engine: nothing can be mounted from here. */
  readonly isRemote: boolean
  /** By `materialKey`. Absent: not looked at. */
  readonly entries: ReadonlyMap<string, Material>
}

/** For commands that make no container. */
export const noMaterials: Materials = { isRemote: false, entries: new Map() }

export function materialKey(kind: MaterialKind, name: string): string {
  return `${kind}:${name}`
}
