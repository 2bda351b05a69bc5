import { checkSemantics, setDefaults } from './defaults.ts'
import type { SourceFile } from './options.ts'
import { confine } from './confine.ts'
import { resolvePaths } from './paths.ts'
import type { Group } from './stage.ts'
import { isMap, makeMap, mapAt } from './tree.ts'
import type { TreeMap } from './tree.ts'

/**
 * Reads files that belong together, each onto the ones before, then fills in defaults, checks what a schema
 * cannot say and joins relative paths to the group's folder.
 */
export function loadGroup(files: readonly SourceFile[], group: Group): TreeMap {
  const { shared } = group
  let tree = makeMap()
  for (const file of files) ({ tree } = group.readers.readFileOnto(tree, file, group))
  setDefaults(tree)
  checkSemantics(tree, shared.places)
  // Included groups always join: their folder is not the one the project's own paths are relative to.
  if (shared.options.skipPathResolution !== true || group.included.length > 0) {
    resolvePaths(tree, {
      folder: group.folder,
      home: group.environment['HOME'],
      resolveLinks: shared.options.files.resolveLinks,
      places: shared.places,
      // What was included or extended was confined to the place it came from.
      ...(shared.options.files.treeOf !== undefined && {
        confineTo: (from) => confine(group, files.find(({ path }) => path === from)?.path),
      }),
    })
  }
  if (shared.options.skipInterpolation !== true) resolveInherited(tree, group)
  return tree
}

/** `environment: [KEY]` takes the value of the variables around; contents of secrets and configs too. */
function resolveInherited(tree: TreeMap, group: Group): void {
  for (const service of Object.values(mapAt(tree, 'services') ?? {})) {
    if (!isMap(service)) continue
    const entries = service['environment']
    if (!Array.isArray(entries)) continue
    for (const [index, entry] of entries.entries()) {
      const value = typeof entry === 'string' ? group.environment[entry] : undefined
      if (typeof entry === 'string' && value !== undefined) entries[index] = `${entry}=${value}`
    }
  }
  for (const config of Object.values(mapAt(tree, 'configs') ?? {})) {
    if (!isMap(config) || typeof config['environment'] !== 'string') continue
    const value = group.environment[config['environment']]
    if (value !== undefined) config['content'] = value
  }
}
