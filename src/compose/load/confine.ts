import * as posix from 'node:path/posix'
import type { PathContext } from './paths.ts'
import type { Group } from './stage.ts'

/** Files that were fetched may name only files of their own tree; what is local may name anything. */
export function confine(group: Pick<Group, 'shared' | 'base' | 'root'>): Pick<PathContext, 'refuse'> {
  const { treeOf, resolveLinks } = group.shared.options.files
  const tree = treeOf?.(group.base)
  if (tree === undefined) return {}
  return {
    refuse(path) {
      const absolute = posix.resolve(group.root, path)
      const isWithin = (place: string, root: string): boolean => place === root || place.startsWith(`${root}/`)
      if (isWithin(absolute, tree) && isWithin(followLinks(absolute, resolveLinks), followLinks(tree, resolveLinks))) {
        return undefined
      }
      return `refusing ${absolute}: it lies outside of the tree it was fetched with`
    },
  }
}

/** Where a path leads in the end, also when its last parts are yet to be made. */
function followLinks(path: string, resolveLinks: (path: string) => string): string {
  const real = resolveLinks(path)
  const above = posix.dirname(path)
  return real !== path || above === path ? real : posix.join(followLinks(above, resolveLinks), posix.basename(path))
}
