import * as posix from 'node:path/posix'
import type { PathContext } from './paths.ts'
import type { Group } from './stage.ts'

/** Files that were fetched may name only files of their own tree; what is local may name anything. */
export function confine(group: Pick<Group, 'shared' | 'base' | 'root'>): Pick<PathContext, 'refuse'> {
  const { treeOf } = group.shared.options.files
  const tree = treeOf?.(group.base)
  if (tree === undefined) return {}
  return {
    refuse(path) {
      const absolute = posix.resolve(group.root, path)
      return absolute === tree || absolute.startsWith(`${tree}/`)
        ? undefined
        : `refusing ${absolute}: it lies outside of the tree it was fetched with`
    },
  }
}
