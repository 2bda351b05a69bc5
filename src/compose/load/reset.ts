import { isMap } from './tree.ts'
import type { Tree, TreePath } from './tree.ts'

/**
 * Takes what `!reset` and `!override` of a later file name out of what earlier files said, in place.
 * Entries of lists cannot be named.
 */
export function applyResets(tree: Tree, resets: readonly TreePath[]): void {
  for (const path of resets) {
    let at: Tree | undefined = tree
    for (const key of path.slice(0, -1)) at = isMap(at) ? at[String(key)] : undefined
    const last = path.at(-1)
    if (isMap(at) && typeof last === 'string') delete at[last]
  }
}
