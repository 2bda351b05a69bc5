import * as posix from 'node:path/posix'
import type { PathContext } from './paths.ts'
import type { Group } from './stage.ts'

/**
 * Files that were fetched may name only files of their own tree; what is local may name anything. One that is read together
 * with local files, whose folder its paths are relative to, may name those of this folder as well.
 *
 * @param file the one that names the path
 */
export function confine(
  group: Pick<Group, 'shared' | 'base' | 'root'>,
  file: string | undefined,
): Pick<PathContext, 'refuse'> {
  const { treeOf, resolveLinks } = group.shared.options.files
  const tree = treeOf?.(group.base)
  const own = tree ?? (file === undefined ? undefined : treeOf?.(file))
  if (own === undefined) return {}
  const roots = tree === undefined ? [own, group.root] : [own]
  return {
    refuse(path) {
      const absolute = posix.resolve(group.root, path)
      const isWithin = (place: string, root: string): boolean =>
        posix.join(place, '/').startsWith(posix.join(root, '/'))
      const stays = (root: string): boolean =>
        isWithin(absolute, root) && isWithin(followLinks(absolute, resolveLinks), followLinks(root, resolveLinks))
      return roots.some(stays) ? undefined : `refusing ${absolute}: it lies outside of the tree it was fetched with`
    },
  }
}

/** Where a path leads in the end, also when its last parts are yet to be made. */
function followLinks(path: string, resolveLinks: (path: string) => string): string {
  const real = resolveLinks(path)
  const above = posix.dirname(path)
  return real !== path || above === path ? real : posix.join(followLinks(above, resolveLinks), posix.basename(path))
}
