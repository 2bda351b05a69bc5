import * as posix from 'node:path/posix'
import type { SharedFolder } from '../../engine/buildkit/file-sync.ts'
import type { CacheEntry, SolveRequest } from '../../engine/buildkit/messages.ts'
import { FlotillaError } from '../../core/errors.ts'
import { sortedNames } from '../model/dictionary.ts'
import { isApiAtLeast } from '../translate/api-version.ts'
import type { BuildCache } from './cache-entry.ts'
import type { ImageBuild } from './definition.ts'

/** What is known of the engine that builds. */
export interface BuilderFacts {
  readonly apiVersion: string
  /** It keeps images in containerd's store: several platforms in one, attestations. */
  readonly hasContainerdStore: boolean
  /** What `host-gateway` stands for; absent: it does not say. */
  readonly hostGateway?: string
}

/** What was found in the folders of images and caches that a build names. */
export interface Layouts {
  /** Context → its address as the builder takes it. */
  readonly contexts: ReadonlyMap<string, string>
  /** Folder → tag → digest of the cache. */
  readonly caches: ReadonlyMap<string, ReadonlyMap<string, string>>
}

const noLayouts: Layouts = { contexts: new Map(), caches: new Map() }

/** The name of a cache that is given none. */
export const defaultCacheTag = 'latest'

/** A build in the builder's words, and the files it may ask for. */
export interface Solve {
  readonly request: Omit<SolveRequest, 'ref' | 'session'>
  readonly folders: ReadonlyMap<string, SharedFolder>
}

/** Named contexts came with BuildKit 0.10; an older one would take the name for an image of Docker Hub. */
export const contextsVersion = '1.42'

const dockerfileName = 'Dockerfile'

/**
 * A build for BuildKit's Dockerfile frontend, as buildx would ask for it (moby/buildkit
 * frontend/dockerui; docker/buildx build/opt.go).
 *
 * @throws {compose/unsupported} for what the engine's builder or its image store cannot do
 */
export function toSolve(build: ImageBuild, facts: BuilderFacts, layouts: Layouts = noLayouts): Solve {
  checkAbilities(build, facts)
  const folders = new Map<string, SharedFolder>()
  const attributes: Record<string, string> = {
    ...toContext(build, folders, layouts),
    ...toOptions(build, facts),
  }
  const imports = build.cacheFrom.flatMap((entry) => toImport(entry, layouts))
  if (imports.length > 0) {
    attributes['cache-imports'] = JSON.stringify(imports.map(({ type, attributes: Attrs }) => ({ Type: type, Attrs })))
  }
  return {
    folders,
    request: {
      frontend: 'dockerfile.v0',
      attributes,
      exporter: 'moby',
      exporterAttributes: { name: build.tags.map(withTag).join(',') },
      entitlements: toEntitlements(build),
      cacheImports: imports,
      cacheExports: build.cacheTo.map(toExport),
    },
  }
}

function toImport({ type, attributes, folder }: BuildCache, { caches }: Layouts): readonly CacheEntry[] {
  if (type === 'inline') return []
  if (folder === undefined) return [{ type, attributes }]
  const digest = attributes['digest'] ?? caches.get(folder)?.get(attributes['tag'] ?? defaultCacheTag)
  return digest === undefined ? [] : [{ type, attributes: { ...attributes, src: folder, digest } }]
}

function toExport({ type, attributes, folder }: BuildCache): CacheEntry {
  return { type, attributes: folder === undefined ? attributes : { ...attributes, dest: folder } }
}

function checkAbilities(build: ImageBuild, facts: BuilderFacts): void {
  const refuse = (what: string): never => {
    throw new FlotillaError('compose/unsupported', `service "${build.service}": ${what}`)
  }
  const remedy = 'turn on the containerd image store of the engine'
  if (!facts.hasContainerdStore) {
    if (build.platforms.length > 1) refuse(`an image of several platforms needs another image store: ${remedy}`)
    if (isOn(build.provenance)) refuse(`build.provenance needs another image store: ${remedy}`)
    if (isOn(build.sbom)) refuse(`build.sbom needs another image store: ${remedy}`)
    const exported = build.cacheTo.find(({ type }) => type !== 'inline')
    if (exported !== undefined) refuse(`build.cache_to of type "${exported.type}" needs another image store: ${remedy}`)
    const layout = Object.entries(build.contexts).find(([, { kind }]) => kind === 'layout')
    if (layout !== undefined)
      refuse(`additional_contexts.${layout[0]} (oci-layout) needs another image store: ${remedy}`)
  }
  if (Object.keys(build.contexts).length > 0 && !isApiAtLeast(facts.apiVersion, contextsVersion)) {
    refuse('build.additional_contexts needs Docker Engine 23.0 or later')
  }
}

/** Whether a build asks for what only engines with containerd's image store can do. */
export function needsContainerdStore(build: ImageBuild): boolean {
  return (
    build.platforms.length > 1 ||
    build.provenance !== undefined ||
    build.sbom !== undefined ||
    build.cacheTo.some(({ type }) => type !== 'inline') ||
    Object.values(build.contexts).some(({ kind }) => kind === 'layout')
  )
}

function isOn(attestation: string | undefined): boolean {
  return attestation !== undefined && attestation !== 'false'
}

function toContext(build: ImageBuild, folders: Map<string, SharedFolder>, layouts: Layouts): Record<string, string> {
  const attributes: Record<string, string> = {}
  const { context, dockerfile } = build
  if (context.kind === 'folder') folders.set('context', context)
  else attributes['context'] = context.url
  if (dockerfile.kind === 'remote') {
    attributes['filename'] = dockerfile.name
  } else if (dockerfile.kind === 'text') {
    folders.set('dockerfile', { kind: 'texts', files: { [dockerfileName]: dockerfile.text } })
    attributes['filename'] = dockerfileName
  } else {
    folders.set('dockerfile', { kind: 'folder', path: posix.dirname(dockerfile.path) })
    attributes['filename'] = posix.basename(dockerfile.path)
  }
  if (context.kind === 'remote' && dockerfile.kind !== 'remote') attributes['dockerfilekey'] = 'dockerfile'
  for (const name of sortedNames(build.contexts)) {
    const source = build.contexts[name]
    if (source?.kind === 'folder') {
      folders.set(`context-${name}`, source)
      attributes[`context:${name}`] = `local:context-${name}`
    } else if (source?.kind === 'layout') {
      attributes[`context:${name}`] = layouts.contexts.get(name) ?? source.text
    } else if (source !== undefined) {
      attributes[`context:${name}`] = source.url
    }
  }
  return attributes
}

function toOptions(build: ImageBuild, facts: BuilderFacts): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (const [name, value] of Object.entries(build.args)) attributes[`build-arg:${name}`] = value
  for (const [name, value] of Object.entries(build.labels)) attributes[`label:${name}`] = value
  if (build.target !== undefined) attributes['target'] = build.target
  if (build.platforms.length > 0) attributes['platform'] = build.platforms.join(',')
  if (build.isWithoutCache) attributes['no-cache'] = ''
  else if (build.uncachedStages.length > 0) attributes['no-cache'] = build.uncachedStages.join(',')
  if (build.isPulling) attributes['image-resolve-mode'] = 'pull'
  const hosts = toHosts(build, facts)
  if (hosts !== '') attributes['add-hosts'] = hosts
  if (build.network !== undefined && build.network !== 'default') attributes['force-network-mode'] = toNetwork(build)
  if (build.shmBytes !== undefined) attributes['shm-size'] = String(build.shmBytes)
  const ulimits = sortedNames(build.ulimits).map((name) => {
    const { single, soft = single, hard = single } = build.ulimits[name] ?? {}
    return `${name}=${soft}:${hard}`
  })
  if (ulimits.length > 0) attributes['ulimit'] = ulimits.join(',')
  if (isOn(build.provenance))
    attributes['attest:provenance'] = build.provenance === 'true' ? '' : (build.provenance ?? '')
  if (isOn(build.sbom)) attributes['attest:sbom'] = build.sbom === 'true' ? '' : (build.sbom ?? '')
  return attributes
}

function toNetwork(build: ImageBuild): string {
  const { network = '' } = build
  if (network === 'none' || network === 'host') return network
  throw new FlotillaError(
    'compose/unsupported',
    `service "${build.service}": network mode "${network}" is not supported by BuildKit: only default, none and host are`,
    { hint: 'DOCKER_BUILDKIT=0 builds with the classic builder, which joins any network' },
  )
}

function toHosts(build: ImageBuild, facts: BuilderFacts): string {
  const lines: string[] = []
  for (const name of sortedNames(build.hosts)) {
    for (const address of build.hosts[name] ?? []) {
      if (address !== 'host-gateway') {
        lines.push(`${name}=${address}`)
        continue
      }
      if (facts.hostGateway === undefined) {
        throw new FlotillaError(
          'compose/unsupported',
          `service "${build.service}": unable to derive the IP value for host-gateway`,
        )
      }
      lines.push(`${name}=${facts.hostGateway}`)
    }
  }
  return lines.join(',')
}

function toEntitlements(build: ImageBuild): readonly string[] {
  return [
    ...new Set([
      ...build.entitlements,
      ...(build.isPrivileged ? ['security.insecure'] : []),
      ...(build.network === 'host' ? ['network.host'] : []),
    ]),
  ]
}

/** Names without tag mean the latest. */
export function withTag(reference: string): string {
  return reference.lastIndexOf(':') > reference.lastIndexOf('/') ? reference : `${reference}:latest`
}
