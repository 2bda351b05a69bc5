import * as posix from 'node:path/posix'
import { FlotillaError } from '../../core/errors.ts'
import type { SshKey, Ulimit } from '../model/build.ts'
import { makeDictionary, sortedNames } from '../model/dictionary.ts'
import type { Dictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { COMPOSE_VERSION, LABEL } from '../plan/label.ts'
import { toImageReference } from '../translate/name.ts'
import { parseCacheEntry, toAbsolute, withFolder } from './cache-entry.ts'
import type { BuildCache } from './cache-entry.ts'

/** Where files of a build come from. */
export type BuildSource =
  | { readonly kind: 'folder'; readonly path: string }
  /** A repository, an archive or an image, fetched by the engine: `https://…`, `docker-image://…`. */
  | { readonly kind: 'remote'; readonly url: string }

/** An image in a folder on this computer, sent to the builder as it asks for it. */
export interface LayoutSource {
  readonly kind: 'layout'
  /** As written: `oci-layout://…`. */
  readonly text: string
  /** Absolute. */
  readonly folder: string
  /** Absent: `latest`, or the only one there is. */
  readonly tag?: string
  readonly digest?: string
}

/** Where the Dockerfile is. */
export type DockerfilePlace =
  | { readonly kind: 'text'; readonly text: string }
  /** A file here; absolute. */
  | { readonly kind: 'file'; readonly path: string }
  /** A file of a context that is fetched by the engine. */
  | { readonly kind: 'remote'; readonly name: string }

/** A secret as a build knows it, and where its value is. */
export type BuildSecret = { readonly id: string } & (
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'variable'; readonly name: string; readonly secret: string }
)

/** Everything that decides what an image becomes. Plain data. */
export interface ImageBuild {
  /** The service it is built for. */
  readonly service: string
  /** Names of the image, the one containers use first. */
  readonly tags: readonly string[]
  readonly context: BuildSource
  readonly dockerfile: DockerfilePlace
  readonly contexts: Dictionary<BuildSource | LayoutSource>
  readonly args: Dictionary<string>
  readonly labels: Dictionary<string>
  readonly target?: string
  /** Empty: the engine's own. */
  readonly platforms: readonly string[]
  readonly hosts: Dictionary<readonly string[]>
  readonly network?: string
  readonly shmBytes?: number
  readonly ulimits: Dictionary<Ulimit>
  readonly entitlements: readonly string[]
  readonly isPrivileged: boolean
  readonly isolation?: string
  readonly secrets: readonly BuildSecret[]
  readonly ssh: readonly SshKey[]
  readonly cacheFrom: readonly BuildCache[]
  readonly cacheTo: readonly BuildCache[]
  readonly isWithoutCache: boolean
  /** Stages that are built anew. */
  readonly uncachedStages: readonly string[]
  readonly isPulling: boolean
  readonly provenance?: string
  readonly sbom?: string
  /** Bytes; only the classic builder limits memory. */
  readonly memoryBytes?: number
}

/** What a command asks for beyond the files. */
export interface BuildWishes {
  /** `--build-arg`, over those of the files; null: from the environment. */
  readonly args: Dictionary<string | null>
  readonly isWithoutCache: boolean
  readonly isPulling: boolean
  readonly ssh: readonly SshKey[]
  readonly memoryBytes?: number
  readonly provenance?: string
  readonly sbom?: string
  /** The image is to run here: of several platforms only the service's is built. */
  readonly isToRun: boolean
}

export const plainWishes: BuildWishes = { args: {}, isWithoutCache: false, isPulling: false, ssh: [], isToRun: true }

/**
 * The build of a service.
 *
 * @throws {compose/unsupported} for sources this program does not know, {compose/invalid} for secrets without value
 */
export function toImageBuild(project: Project, service: Service, wishes: BuildWishes): ImageBuild {
  const { build } = service
  if (build === undefined) throw new FlotillaError('internal', `service "${service.name}" has no build`)
  const context = toSource(build.context ?? project.workingDir)
  const contexts = makeDictionary<BuildSource | LayoutSource>()
  for (const name of sortedNames(build.additional_contexts ?? {})) {
    contexts[name] = toNamedSource(project, service.name, name, build.additional_contexts?.[name] ?? '')
  }
  const { target, network, shm_size: shmBytes, isolation } = build
  const provenance = wishes.provenance ?? build.provenance
  const sbom = wishes.sbom ?? build.sbom
  return {
    service: service.name,
    tags: [...new Set([toImageReference(project, service), ...(build.tags ?? [])])],
    context,
    dockerfile: toDockerfile(context, build.dockerfile ?? 'Dockerfile', build.dockerfile_inline ?? ''),
    contexts,
    args: toArguments(project, build.args ?? {}, wishes.args),
    labels: makeDictionary([
      ...Object.entries(build.labels ?? {}),
      [LABEL.project, project.name],
      [LABEL.service, service.name],
      [LABEL.version, COMPOSE_VERSION],
    ]),
    ...(target !== undefined && target !== '' && { target }),
    platforms: toPlatforms(service, wishes),
    hosts: build.extra_hosts ?? {},
    ...(network !== undefined && network !== '' && { network }),
    ...(shmBytes !== undefined && shmBytes > 0 && { shmBytes }),
    ulimits: build.ulimits ?? {},
    entitlements: build.entitlements ?? [],
    isPrivileged: build.privileged === true,
    ...(isolation !== undefined && isolation !== '' && { isolation }),
    secrets: toSecrets(project, service),
    ssh: [...(build.ssh ?? []), ...wishes.ssh],
    cacheFrom: toCaches(project, service, 'cache_from'),
    cacheTo: toCaches(project, service, 'cache_to'),
    isWithoutCache: wishes.isWithoutCache || build.no_cache === true,
    uncachedStages: build.no_cache_filter ?? [],
    isPulling: wishes.isPulling || build.pull === true,
    ...(provenance !== undefined && provenance !== '' && { provenance }),
    ...(sbom !== undefined && sbom !== '' && { sbom }),
    ...(wishes.memoryBytes !== undefined && { memoryBytes: wishes.memoryBytes }),
  }
}

/** Services whose images a build starts from: `additional_contexts` of `service:NAME`. */
export function servicesBehind(service: Service): readonly string[] {
  const contexts = Object.values(service.build?.additional_contexts ?? {})
  return [...new Set(contexts.flatMap((context) => /^(?:service|target):(.+)$/.exec(context)?.[1] ?? []))]
}

/** The same text for builds that make the same image under the same name. */
export function identityOf(build: ImageBuild): string {
  const { service: _, labels, ...rest } = build
  return JSON.stringify({ ...rest, labels: { ...labels, [LABEL.service]: '' } })
}

const remotePattern = /^(?:https?|git|ssh):\/\/|^git@|^github\.com\//

function toSource(context: string): BuildSource {
  return remotePattern.test(context) ? { kind: 'remote', url: context } : { kind: 'folder', path: context }
}

function toNamedSource(project: Project, service: string, name: string, context: string): BuildSource | LayoutSource {
  const other = /^(?:service|target):(.+)$/.exec(context)?.[1]
  if (other !== undefined) {
    const found = project.services[other]
    if (found?.build === undefined) {
      throw new FlotillaError(
        'compose/not-found',
        `additional_contexts.${name} of service "${service}" names "${other}", which is no service with build`,
      )
    }
    return { kind: 'remote', url: `docker-image://${toImageReference(project, found)}` }
  }
  if (context.startsWith('docker-image://')) return { kind: 'remote', url: context }
  if (context.startsWith('oci-layout://')) return toLayout(context, project.workingDir)
  if (/^[a-z][a-z0-9+.-]*:\/\//.test(context) && !remotePattern.test(context)) {
    throw new FlotillaError(
      'compose/unsupported',
      `additional_contexts.${name} of service "${service}": unknown kind of context ${JSON.stringify(context)}`,
    )
  }
  return toSource(context)
}

/** `oci-layout://FOLDER[:TAG][@DIGEST]` */
function toLayout(text: string, workingDir: string): LayoutSource {
  const [named = '', digest] = text.slice('oci-layout://'.length).split('@')
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const [path, tag] = colon === -1 ? [named, undefined] : [named.slice(0, colon), named.slice(colon + 1)]
  return {
    kind: 'layout',
    text,
    folder: toAbsolute(path, workingDir),
    ...(tag !== undefined && tag !== '' && { tag }),
    ...(digest !== undefined && digest !== '' && { digest }),
  }
}

function toCaches(project: Project, service: Service, field: 'cache_from' | 'cache_to'): readonly BuildCache[] {
  const where = `build.${field} of service "${service.name}"`
  return (service.build?.[field] ?? [])
    .flatMap((entry) => parseCacheEntry(entry, where))
    .map((cache) => withFolder(cache, field === 'cache_from' ? 'src' : 'dest', project.workingDir, where))
}

function toDockerfile(context: BuildSource, name: string, inline: string): DockerfilePlace {
  if (inline !== '') return { kind: 'text', text: inline }
  if (context.kind === 'folder') {
    return {
      kind: 'file',
      path: toAbsolute(name, context.path),
    }
  }
  return posix.isAbsolute(name) ? { kind: 'file', path: name } : { kind: 'remote', name }
}

function toArguments(
  project: Project,
  own: Dictionary<string | null>,
  given: Dictionary<string | null>,
): Dictionary<string> {
  const args = makeDictionary<string>()
  for (const [name, value] of [...Object.entries(own), ...Object.entries(given)]) {
    const resolved = value ?? project.environment[name]
    if (resolved === undefined) delete args[name]
    else args[name] = resolved
  }
  return args
}

/** Of several platforms only one can run here. */
function toPlatforms(service: Service, wishes: BuildWishes): readonly string[] {
  const all = service.build?.platforms ?? []
  const own = service.platform ?? ''
  if (all.length === 0) return own === '' ? [] : [own]
  if (all.length === 1 || !wishes.isToRun) return all
  return own === '' ? [] : [own]
}

function toSecrets(project: Project, service: Service): readonly BuildSecret[] {
  return (service.build?.secrets ?? []).map(({ source, target }) => {
    const id = target === undefined || target === '' ? source : target
    const secret = project.secrets[source]
    if (secret?.file !== undefined && secret.file !== '') return { id, kind: 'file', path: secret.file }
    if (secret?.environment !== undefined && secret.environment !== '') {
      return { id, kind: 'variable', name: secret.environment, secret: source }
    }
    throw new FlotillaError(
      'compose/unsupported',
      `build.secrets only supports environment or file-based secrets: "${source}"`,
    )
  })
}
