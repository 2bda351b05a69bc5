import { isFlotillaError } from '../../core/errors.ts'
import { makeFailure } from './failure.ts'
import type { LoadError } from './failure.ts'
import type { Files } from './options.ts'

/** Bounds against hostile and broken files. The names are those of the user's configuration. */
export interface LoadLimits {
  /** One Compose file. */
  readonly composeFileBytes: number
  /** All Compose files of a project. */
  readonly allFilesBytes: number
  readonly yamlDepth: number
  /** Nodes of the whole project after aliases and merges are expanded. */
  readonly yamlNodes: number
  /** Files that include each other, and services that extend each other. */
  readonly includeDepth: number
  readonly includedFiles: number
  /** Characters of a text after its variables are filled in. */
  readonly valueLength: number
  /** `${A:-${B:-…}}` */
  readonly nestedDefaults: number
  readonly services: number
  /** Of one service. */
  readonly replicas: number
  /** One env file or label file. */
  readonly envFileBytes: number
  /** Of one object. */
  readonly labels: number
}

const MiB = 1024 * 1024

/** What no honest project comes near. */
export const defaultLimits: LoadLimits = {
  composeFileBytes: 4 * MiB,
  allFilesBytes: 32 * MiB,
  yamlDepth: 100,
  yamlNodes: 1_000_000,
  includeDepth: 64,
  includedFiles: 1000,
  valueLength: MiB,
  nestedDefaults: 32,
  services: 20_000,
  replicas: 100_000,
  envFileBytes: 16 * MiB,
  labels: 10_000,
}

/** What to do about a limit that is in the way. */
export function describeLimit(limit: keyof LoadLimits): string {
  return `raise limits.${limit} in the configuration file of Flotilla`
}

/** One problem: something is beyond a limit. */
export function beyondLimit(message: string, limit: keyof LoadLimits): LoadError {
  return makeFailure(message, 'compose/limit', describeLimit(limit))
}

/** Reads a file within one of the limits. @throws {compose/limit} when it is larger */
export function readWithin(
  files: Pick<Files, 'readText' | 'readLooseText'>,
  path: string,
  limit: 'composeFileBytes' | 'envFileBytes',
  limits: LoadLimits,
): string | undefined {
  try {
    const read = limit === 'envFileBytes' ? (files.readLooseText ?? files.readText) : files.readText
    return read(path, limits[limit])
  } catch (error) {
    if (!isFlotillaError(error) || error.code !== 'io/too-large') throw error
    throw beyondLimit(error.message, limit)
  }
}
