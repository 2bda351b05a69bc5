import type { Dictionary } from './dictionary.ts'
import type { GoScalar } from './go-scalar.ts'
import type { FileObject, Model, Network, Volume } from './resource.ts'
import type { Extensible } from './scalar.ts'
import type { Service } from './service.ts'

/** Data with the keys of the file. */
export interface WrittenService {
  [key: string]: Written
}

export type Written = null | boolean | number | string | GoScalar | Written[] | WrittenService

/**
 * A fully resolved project: what `config` prints, the hash is taken of, and the planner compares with
 * the engine. Plain data, never changed after loading; the maps are dictionaries without prototype.
 */
export interface Project extends Extensible {
  readonly name: string
  /** The services that are on. Every name in their `depends_on` with `required` is in here. */
  readonly services: Dictionary<Service>
  readonly networks: Dictionary<Network>
  readonly volumes: Dictionary<Volume>
  readonly secrets: Dictionary<FileObject>
  readonly configs: Dictionary<FileObject>
  readonly models: Dictionary<Model>
  /** Services switched off by profiles. Their containers are no orphans. */
  readonly disabledServices: Dictionary<Service>
  /** Absolute; relative paths of the files are relative to it. */
  readonly workingDir: string
  /** Absolute paths of the files given or found, in order; without included and extended ones. */
  readonly composeFiles: readonly string[]
  /** Absolute paths of `--env-file`; empty when `.env` was used. */
  readonly environmentFiles: readonly string[]
  /** The variables interpolation saw: process, env files, `COMPOSE_PROJECT_NAME`. */
  readonly environment: Dictionary<string>
  /**
   * Services as the files have them, variables filled in and nothing else done; of several files merged as docker-compose
   * 1 did it. Absent when that is not known, or loading was not asked to keep them.
   */
  readonly written?: Dictionary<WrittenService>
  /** A file was of version 1, before there was `services`. */
  readonly isVersion1?: boolean
  /** Services that are built without a name of their own → their images, where these are not called `PROJECT-SERVICE`. */
  readonly imageNames?: Dictionary<string>
  /** Active profiles. */
  readonly profiles: readonly string[]
}
