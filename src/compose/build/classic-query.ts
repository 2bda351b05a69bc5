import type { QueryValue } from '../../engine/engine.ts'
import { FlotillaError } from '../../core/errors.ts'
import { sortedNames } from '../model/dictionary.ts'
import { LABEL } from '../plan/label.ts'
import type { ImageBuild } from './definition.ts'

/** What the classic builder lacks, in the reference program's words (docker/compose pkg/compose/build_classic.go). */
const lacking: readonly (readonly [string, (build: ImageBuild) => boolean])[] = [
  ['privileged mode', (build) => build.isPrivileged],
  ['additional contexts', (build) => Object.keys(build.contexts).length > 0],
  ['SSH keys', (build) => build.ssh.length > 0],
  ['secrets', (build) => build.secrets.length > 0],
  ['multi-arch build', (build) => build.platforms.length > 1],
  ['entitlements', (build) => build.entitlements.length > 0],
  ['cache export', (build) => build.cacheTo.length > 0],
  ['no_cache_filter', (build) => build.uncachedStages.length > 0],
  ['attestations', (build) => [build.provenance, build.sbom].some((value) => value !== undefined && value !== 'false')],
]

/**
 * The query of `POST /build` for the classic builder.
 *
 * @param dockerfile name of the Dockerfile within the context
 * @throws {compose/unsupported} for what only BuildKit can do
 */
export function toClassicQuery(build: ImageBuild, dockerfile: string): Readonly<Record<string, QueryValue>> {
  const found = lacking.find(([, asks]) => asks(build))
  if (found !== undefined) {
    throw new FlotillaError(
      'compose/unsupported',
      `the classic builder doesn't support ${found[0]}, set DOCKER_BUILDKIT=1 to use BuildKit`,
      { hint: `service "${build.service}" asks for it` },
    )
  }
  const { context, target, network, shmBytes, isolation, memoryBytes } = build
  const ulimits = sortedNames(build.ulimits).map((Name) => {
    const { single, soft = single, hard = single } = build.ulimits[Name] ?? {}
    return { Name, Soft: soft, Hard: hard }
  })
  const images = build.cacheFrom.flatMap(({ type, attributes }) => {
    const { ref } = attributes
    if (type !== 'registry' || ref === undefined) {
      throw new FlotillaError(
        'compose/unsupported',
        `the classic builder doesn't support cache_from of type "${type}", set DOCKER_BUILDKIT=1 to use BuildKit`,
      )
    }
    return [ref]
  })
  return {
    t: build.tags,
    dockerfile,
    remote: context.kind === 'remote' ? context.url : undefined,
    rm: true,
    nocache: build.isWithoutCache ? true : undefined,
    pull: build.isPulling ? true : undefined,
    buildargs: JSON.stringify(build.args),
    labels: JSON.stringify({ ...build.labels, [LABEL.imageBuilder]: 'classic' }),
    target,
    networkmode: network,
    shmsize: shmBytes,
    memory: memoryBytes,
    isolation,
    platform: build.platforms[0],
    cachefrom: images.length > 0 ? JSON.stringify(images) : undefined,
    ulimits: ulimits.length > 0 ? JSON.stringify(ulimits) : undefined,
    extrahosts: sortedNames(build.hosts).flatMap((name) =>
      (build.hosts[name] ?? []).map((address) => `${name}:${address}`),
    ),
  }
}
