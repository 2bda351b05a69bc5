import type { Dictionary } from '../model/dictionary.ts'
import type { LoadLimits } from './limits.ts'
import type { ReadEvents } from './yaml-events.ts'

/**
 * Reads one text file.
 *
 * @returns its text, or `undefined` when there is no such file
 * @throws {io/file} when it is there but cannot be read or is a folder; {io/too-large} when it exceeds `maxBytes`
 */
export type ReadText = (path: string, maxBytes: number) => string | undefined

/** The outside world of the loader. Everything is asked for by absolute path. */
export interface Files {
  readonly readText: ReadText
  /** The same with U+FFFD for each byte that is no text: env files may be in any encoding. Absent: as `readText`. */
  readonly readLooseText?: ReadText
  /** What is at the path, links followed. */
  readonly kindOf: (path: string) => 'file' | 'folder' | 'other' | 'missing'
  /** The path with links resolved; the path itself when it does not exist. */
  readonly resolveLinks: (path: string) => string
  /**
   * Path of the file that a reference to a remote one means; nothing when the text is a path. Absent: all are paths.
   *
   * @throws RemoteNeeded when it has to be fetched first
   */
  readonly fetched?: (reference: string) => string | undefined
  /** The root of the fetched tree a path lies in. */
  readonly treeOf?: (path: string) => string | undefined
}

/** One file already read, with the absolute path it came from; `-` stands for standard input. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** What `loadProject` starts from. */
export interface Sources {
  /** In order of precedence, the last one wins. At least one. */
  readonly files: readonly SourceFile[]
  /** Absolute folder that relative paths of the files are relative to. */
  readonly workingDir: string
  /** Process environment with the env files below it. */
  readonly environment: Dictionary<string>
  /** Given by flag or variable: must already be in normal form. */
  readonly projectName?: string
  /** Used, normalized, when no file has a `name`. */
  readonly fallbackName?: string
  readonly environmentFiles?: readonly string[]
}

/** How to load. The defaults give the project `up` works on. */
export interface LoadOptions {
  /** For `include`, `extends`, env files and label files. */
  readonly files: Files
  /** Told each warning once, as one sentence without prefix. */
  readonly warn?: (message: string) => void
  readonly profiles?: readonly string[]
  /** Services that are named for what is to be done: their profiles are switched on. Unknown ones are passed over. */
  readonly named?: readonly string[]
  /** Keep `$` expressions as they stand. */
  readonly skipInterpolation?: boolean
  readonly skipNormalization?: boolean
  readonly skipPathResolution?: boolean
  readonly skipConsistency?: boolean
  /** Keep `env_file` instead of merging it into `environment`. */
  readonly skipEnvironment?: boolean
  /** Keep services as they are written, too (`Project.written`). */
  readonly keepWritten?: boolean
  /** Leave label files alone: they may be gone when all that matters is what runs. */
  readonly skipLabelFiles?: boolean
  /** Leave `env_file` entries in the model after merging them. */
  readonly keepEnvFiles?: boolean
  /** `c:\x` → `/c/x` in volume sources. */
  readonly convertWindowsPaths?: boolean
  readonly limits?: Partial<LoadLimits>
  /** Reads what the strict YAML reader refuses; without it such a text is a StrictReaderError. */
  readonly readLaxly?: ReadEvents
}
