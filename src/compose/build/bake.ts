import { makeDictionary, mapDictionary, sortedNames } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import type { BuildSource, ImageBuild, LayoutSource } from './definition.ts'

/** What would be done with what is built. */
export interface BakeWishes {
  readonly isPushed?: boolean
  /** Only the Dockerfiles are looked at. */
  readonly isCheck?: boolean
}

/** Builds as a bake file, the JSON that `docker buildx bake` reads and `docker compose build --print` prints. */
export function toBakeFile(builds: readonly ImageBuild[], project: Project, wishes: BakeWishes): object {
  const targets = builds.map((build): readonly [string, object] => [build.service, toTarget(build, project, wishes)])
  return {
    group: { default: { targets: builds.map((build) => build.service).sort() } },
    target: makeDictionary(targets),
  }
}

function toTarget(build: ImageBuild, project: Project, wishes: BakeWishes): object {
  const { context, dockerfile, network, shmBytes, target } = build
  const contexts = mapDictionary(build.contexts, (source, name) => {
    const written = project.services[build.service]?.build?.additional_contexts?.[name] ?? ''
    return written.startsWith('service:') ? `target:${written.slice('service:'.length)}` : toText(source)
  })
  const attest = [
    ...(build.provenance === undefined ? [] : [toAttestation('provenance', build.provenance)]),
    ...(build.sbom === undefined ? [] : [toAttestation('sbom', build.sbom)]),
  ]
  const [image = '', ...tags] = build.tags
  return dropNothing({
    context: toText(context),
    contexts,
    dockerfile: dockerfile.kind === 'text' ? '' : dockerfile.kind === 'file' ? dockerfile.path : dockerfile.name,
    'dockerfile-inline': dockerfile.kind === 'text' ? dockerfile.text : '',
    args: build.args,
    labels: build.labels,
    tags: [...tags, image],
    'cache-from': build.cacheFrom.map(toFields),
    'cache-to': build.cacheTo.map(toFields),
    target: target ?? '',
    secret: build.secrets.map((secret) =>
      secret.kind === 'file'
        ? `id=${secret.id},type=file,src=${secret.path}`
        : `id=${secret.id},type=env,env=${secret.name}`,
    ),
    ssh: build.ssh.map(({ id, path }) => `${id}=${path ?? ''}`),
    platforms: build.platforms,
    pull: build.isPulling,
    'no-cache': build.isWithoutCache,
    'no-cache-filter': build.uncachedStages,
    network: network ?? '',
    'shm-size': shmBytes === undefined ? '' : String(shmBytes),
    ulimits: sortedNames(build.ulimits).map((name) => {
      const { single, soft = single, hard = single } = build.ulimits[name] ?? {}
      return `${name}=${soft}:${hard}`
    }),
    call: wishes.isCheck === true ? 'lint' : '',
    entitlements: build.isPrivileged ? [...build.entitlements, 'security.insecure'] : build.entitlements,
    'extra-hosts': mapDictionary(build.hosts, (addresses) => addresses.join(',')),
    output: toOutput(build, project, wishes),
    attest,
  })
}

/** As docker-compose 2.40 has it: what has no name in the file is pushed nowhere, unless it is for several platforms. */
function toOutput(build: ImageBuild, project: Project, { isPushed = false, isCheck }: BakeWishes): readonly string[] {
  if (isCheck === true) return []
  if (build.platforms.length > 1) return [`type=image,push=${isPushed}`]
  return [isPushed && project.services[build.service]?.image !== undefined ? 'type=registry' : 'type=docker']
}

function toText(source: BuildSource | LayoutSource): string {
  if (source.kind === 'layout') return source.text
  return source.kind === 'folder' ? source.path : source.url
}

function toFields({ type, attributes }: { readonly type: string; readonly attributes: object }): string {
  return [`type=${type}`, ...Object.entries(attributes).map(([name, value]) => `${name}=${value}`)].join(',')
}

function toAttestation(type: string, value: string): string {
  if (value === 'false') return `type=${type},disabled=true`
  return value === 'true' ? `type=${type}` : `type=${type},${value}`
}

/** Leaves out what says nothing. */
function dropNothing(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => {
      if (value === '' || value === false) return false
      return typeof value !== 'object' || value === null || Object.keys(value).length > 0
    }),
  )
}
