import type { Dictionary } from '../model/dictionary.ts'
import type { WrittenService } from '../model/project.ts'
import { NodeBudget } from './budget.ts'
import { beyondLimit, defaultLimits, readWithin } from './limits.ts'
import type { LoadLimits } from './limits.ts'
import type { LoadOptions, SourceFile } from './options.ts'
import type { ParsedDocument } from './parse.ts'
import { Places } from './place.ts'
import type { Variables } from './substitute.ts'
import type { TreeMap, TreePath } from './tree.ts'

/** What all stages of one load share. */
export interface Shared {
  readonly options: LoadOptions
  readonly limits: LoadLimits
  readonly places: Places
  readonly budget: NodeBudget
  readonly warn: (message: string) => void
  /** Reads a file that another one names, within the limits on number and size. */
  readonly read: (path: string) => string | undefined
  /** Documents of files parsed ahead of their turn; each is taken once, because reading consumes the trees. */
  readonly parsed: Map<SourceFile, readonly ParsedDocument[]>
  readonly includes: IncludeMemo
  /** Documents as they are written, where that is to be kept, nothing for those docker-compose 1 saw otherwise; see `Project.written`. */
  readonly written: (WrittenService | undefined)[]
  /** Documents of files that services extend, by path, as they are written; nothing where there are several of one file. */
  readonly bases: Map<string, WrittenService | undefined>
  /**
   * Whether a file held a scalar that JavaScript has no type for, so that the schema cannot look at the trees themselves, and
   * whether one was of version 1.
   */
  readonly seen: { goScalars: boolean; version1: boolean }
  /** Volumes of files of version 1; see `Volume.isPlain`. */
  readonly plainVolumes: Set<string>
  /** Of services of files of version 1: driver of all their volumes. */
  readonly volumeDrivers: Map<string, string>
}

export function makeShared(options: LoadOptions): Shared {
  const limits: LoadLimits = { ...defaultLimits, ...options.limits }
  const told = new Set<string>()
  return {
    options,
    limits,
    places: new Places(),
    budget: new NodeBudget(limits.yamlNodes),
    warn(message) {
      if (told.has(message)) return
      told.add(message)
      options.warn?.(message)
    },
    read: makeReader(options, limits),
    parsed: new Map(),
    written: [],
    bases: new Map(),
    seen: { goScalars: false, version1: false },
    plainVolumes: new Set(),
    volumeDrivers: new Map(),
    includes: { trees: new Map(), environments: new Map(), ids: new WeakMap() },
  }
}

/**
 * What was included once is not loaded again: includes that fan out and meet again would otherwise take
 * time exponential in their depth.
 */
export interface IncludeMemo {
  readonly trees: Map<string, TreeMap>
  /** Environment of an include, by the one around it and its env files. */
  readonly environments: Map<string, Dictionary<string>>
  readonly ids: WeakMap<object, number>
}

/** One file may be read many times (a base of many services) but counts once. */
function makeReader(options: LoadOptions, limits: LoadLimits): Shared['read'] {
  const texts = new Map<string, string>()
  let bytes = 0
  return (path) => {
    const known = texts.get(path)
    if (known !== undefined) return known
    const text = readWithin(options.files, path, 'composeFileBytes', limits)
    if (text === undefined) return undefined
    texts.set(path, text)
    bytes += text.length
    if (texts.size > limits.includedFiles) {
      throw beyondLimit(`the project includes more than ${limits.includedFiles} files`, 'includedFiles')
    }
    if (bytes > limits.allFilesBytes) {
      throw beyondLimit(`the files of the project hold more than ${limits.allFilesBytes} bytes`, 'allFilesBytes')
    }
    return text
  }
}

/** Variables of one environment, with the warning for the ones that are not set. */
export function makeVariables(shared: Shared, environment: Dictionary<string>): Variables {
  return {
    lookUp: (name) => environment[name],
    onUnset: (name) => shared.warn(`The "${name}" variable is not set. Defaulting to a blank string.`),
    maxLength: shared.limits.valueLength,
    maxNesting: shared.limits.nestedDefaults,
  }
}

/** How files of one group are read: the project's own, those of one `include`, or a base of `extends`. */
export interface Group {
  readonly shared: Shared
  /** Folder that relative paths are joined to; may be relative to the project's folder. */
  readonly folder: string
  /** Absolute folder of the file being read: where its `extends` and `include` look. */
  readonly base: string
  /** The group's folder, absolute. */
  readonly root: string
  readonly environment: Dictionary<string>
  /** Files being included, outermost first. */
  readonly included: readonly string[]
  /** Services being extended, outermost first. */
  readonly chain: ExtendChain
  /** A base of `extends`: no includes, no extends of its own yet, no validation. */
  readonly isBase: boolean
  /** What extends a base is of version 1: a base of that version is for nothing else, its services have another network. */
  readonly isVersion1: boolean
  readonly readers: Readers
}

/** Services being extended, outermost first. */
export type ExtendChain = readonly { readonly service: string; readonly file: string }[]

/** The two ways back into the reader, handed down because `extends` and `include` are read by it and call it. */
export interface Readers {
  readFileOnto(model: TreeMap, file: SourceFile, group: Group): ReadFile
  loadGroup(files: readonly SourceFile[], group: Group): TreeMap
}

/** What reading a file yields besides the tree: the paths that its `!reset` and `!override` named. */
export interface ReadFile {
  readonly tree: TreeMap
  readonly resets: readonly TreePath[]
}
