import * as posix from 'node:path/posix'

/** A path that is gone on this side. */
export interface GonePath {
  readonly hostPath: string
  readonly containerPath: string
}

/** What is to go in a container. */
export interface Deletions {
  /** With all below. */
  readonly whole: readonly string[]
  /** Folders that have gone here and are no rule's own to delete, the deepest first: only when nothing is left in them. */
  readonly ifEmpty: readonly string[]
}

/**
 * Decides what goes with the paths that are gone. A rule with `include` names files; a folder that has gone with them would
 * stay behind without any.
 *
 * @param roots the paths of the rules
 * @param isThere whether a path of this side is there
 */
export function planDeletions(
  gone: readonly GonePath[],
  roots: readonly string[],
  isThere: (path: string) => boolean,
): Deletions {
  const all = new Set(gone.map(({ containerPath }) => containerPath))
  const whole = [...all].filter((path) => !hasParentIn(path, all))
  const kept = new Set(whole)
  const folders = new Set<string>()
  for (const { hostPath, containerPath } of gone) {
    if (!kept.has(containerPath)) continue
    let [host, container] = [posix.dirname(hostPath), posix.dirname(containerPath)]
    while (roots.some((root) => host.startsWith(`${root}/`)) && !folders.has(container) && !isThere(host)) {
      folders.add(container)
      ;[host, container] = [posix.dirname(host), posix.dirname(container)]
    }
  }
  const depth = (path: string): number => path.split('/').length
  return { whole, ifEmpty: [...folders].sort((a, b) => depth(b) - depth(a)) }
}

function hasParentIn(path: string, all: ReadonlySet<string>): boolean {
  for (let at = posix.dirname(path); at !== posix.dirname(at); at = posix.dirname(at)) if (all.has(at)) return true
  return false
}

/** Far below what a system takes for all arguments of one command, in UTF-16 units. */
const maxArguments = 64 * 1024

/** Cuts arguments into groups that fit on one command line each, in their order. */
export function splitArguments(words: readonly string[]): readonly (readonly string[])[] {
  const groups: string[][] = []
  let size = Infinity
  for (const word of words) {
    if (size + word.length > maxArguments) {
      groups.push([])
      size = 0
    }
    groups.at(-1)?.push(word)
    size += word.length + 1
  }
  return groups
}
