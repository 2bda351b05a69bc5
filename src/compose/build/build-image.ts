import { Buffer } from 'node:buffer'
import { createHash, randomUUID } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { CallOptions } from '../../core/call.ts'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import { fileReason } from '../../core/file-reason.ts'
import type { Progress } from '../../core/progress.ts'
import type { SharedFolder } from '../../engine/buildkit/file-sync.ts'
import type { SessionOffer } from '../../engine/buildkit/session.ts'
import { findSource } from '../../engine/buildkit/source.ts'
import { askFrontend, readWorkerLabels, solve } from '../../engine/buildkit/solve.ts'
import type { BuilderNeeds } from '../../engine/buildkit/solve.ts'
import { callForShape } from '../../engine/api/call.ts'
import { inspectImage } from '../../engine/api/images.ts'
import type { Engine } from '../../engine/engine.ts'
import { codeOf } from '../../io/files.ts'
import { isApiAtLeast } from '../translate/api-version.ts'
import { BuildProgress } from './build-progress.ts'
import { reachCaches } from './cache-entry.ts'
import { checkSsh, openSsh } from './build-ssh.ts'
import type { BuildSecret, ImageBuild } from './definition.ts'
import { renderExcerpt } from './excerpt.ts'
import { needsContainerdStore, toSolve } from './frontend.ts'
import type { BuilderFacts } from './frontend.ts'
import { nameCaches, openLayouts } from './open-layouts.ts'
import { findOddName, refuseOddName } from './odd-names.ts'
import { findOddPattern } from './odd-patterns.ts'
import { findNeeds } from './builder-needs.ts'
import type { OpenLayouts } from './open-layouts.ts'

/** What a build takes from the computer the program runs on. */
export interface BuildHost {
  /** Called before images are built, also where that is only rehearsed; throws where what is asked for cannot be had. */
  readonly begin?: () => Promise<void>
  /** The variables of the project: values of secrets, the address of the SSH agent. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Build without BuildKit. */
  readonly isClassic: boolean
  /** What the user is logged in with at a registry. */
  readonly credentials: (host: string) => Promise<{ readonly username: string; readonly secret: string } | undefined>
  /** The value of `X-Registry-Config`: all that the user is logged in with. */
  readonly registryConfig: () => Promise<string | undefined>
  /** Arguments every build gets unless it has them: proxies. */
  readonly defaultArgs: () => Promise<Readonly<Record<string, string>>>
  /** Takes the classic builder's lines as the engine writes them (`Step 1/2 : …`, `Successfully built …`); absent: they are progress. */
  readonly classicOutput?: (line: string) => void
}

/**
 * Builds one image inside the engine: with its BuildKit, else with its classic builder.
 *
 * @returns the ID of the image
 * @throws {compose/execute} naming the service, with the last words of the step that failed
 * @throws {compose/unsupported} for what the builder at hand cannot do
 */
export async function buildImage(
  engine: Engine,
  build: ImageBuild,
  host: BuildHost,
  report: { readonly parentId: string; readonly progress: Progress },
  o: CallOptions,
): Promise<string> {
  const whole = {
    ...build,
    args: { ...(await host.defaultArgs()), ...build.args },
    cacheFrom: reachCaches(build.cacheFrom, host.env),
    cacheTo: reachCaches(build.cacheTo, host.env),
  }
  const built = host.isClassic ? undefined : await tryBuildKit(engine, whole, host, report, o)
  if (built !== undefined) return built
  const { buildClassic } = await import('./build-classic.ts')
  return buildClassic(engine, whole, host, report, o)
}

/**
 * Has the Dockerfile of a build checked by the engine's BuildKit, without building.
 *
 * @returns what there is to say about it; empty: nothing
 * @throws {compose/unsupported} for engines without BuildKit, or with one that cannot check
 */
export async function checkBuild(engine: Engine, asked: ImageBuild, host: BuildHost, o: CallOptions): Promise<string> {
  // No step is done: there is nothing that caches could help with.
  const build = { ...asked, cacheFrom: [], cacheTo: [] }
  await checkFiles(build)
  const layouts = await openLayouts(build)
  const needs = await findNeeds(engine, build, o)
  const { request, folders } = toSolve(build, await readFacts(engine, build, needs, o), layouts)
  const session = randomUUID()
  const attributes = { ...request.attributes, requestid: 'frontend.lint' }
  try {
    const answer = await askFrontend(
      engine,
      {
        request: { ...request, attributes, ref: randomUUID(), session },
        offer: makeOffer(session, build, folders, layouts, host),
        needs,
      },
      o,
    )
    return (answer.get('result.statuscode') ?? '0') === '0' ? '' : (answer.get('result.txt') ?? '').trim()
  } catch (error) {
    const isUnknown =
      isFlotillaError(error) &&
      (error.code === 'engine/not-found' || /unsupported request|unknown request/i.test(error.message))
    if (!isUnknown) throw await toFailure(build, error, new BuildProgress(build.service))
    throw new FlotillaError('compose/unsupported', 'the builder of this engine cannot check Dockerfiles', {
      cause: error,
      hint: 'it needs Docker Engine 27 or later',
    })
  }
}

function makeOffer(
  id: string,
  build: ImageBuild,
  folders: ReadonlyMap<string, SharedFolder>,
  { stores }: OpenLayouts,
  host: BuildHost,
): SessionOffer {
  return {
    stores,
    id,
    sharedKey: toSharedKey(build),
    folders,
    credentials: host.credentials,
    secret: (secret) => readSecret(build.secrets, secret, host),
    agent: (key) => openSsh(build, key, host.env),
  }
}

/** @returns the ID of the image; undefined when the engine has no BuildKit, or the endpoint opens it to others only */
async function tryBuildKit(
  engine: Engine,
  build: ImageBuild,
  host: BuildHost,
  report: { readonly parentId: string; readonly progress: Progress },
  o: CallOptions,
): Promise<string | undefined> {
  await checkFiles(build)
  await checkSsh(build, host.env)
  const layouts = await openLayouts(build)
  const needs = await findNeeds(engine, build, o)
  const { request, folders } = toSolve(build, await readFacts(engine, build, needs, o), layouts)
  for (const cache of layouts.missing) {
    const { parentId } = report
    report.progress({ id: `${parentId} cache ${cache}`, parentId, status: 'warning', text: 'Not there yet' })
  }
  for (const secret of build.secrets) {
    if (secret.kind !== 'variable' || host.env[secret.name] !== undefined) continue
    const { parentId } = report
    const text = `Variable ${secret.name} is not set: the secret is empty`
    report.progress({ id: `${parentId} secret ${secret.id}`, parentId, status: 'warning', text })
  }
  const steps = new BuildProgress(report.parentId)
  const session = randomUUID()
  try {
    const answer = await solve(
      engine,
      {
        request: { ...request, ref: randomUUID(), session },
        offer: makeOffer(session, build, folders, layouts, host),
        needs,
        onStatus(event) {
          for (const each of steps.take(event)) report.progress(each)
        },
      },
      o,
    )
    await nameCaches(build, layouts, answer)
    return answer.get('containerimage.digest') ?? (await inspectImage(engine, build.tags[0] ?? '', o)).Id
  } catch (error) {
    if (isFlotillaError(error) && error.code === 'engine/not-found') return undefined
    if (isFlotillaError(error) && error.status === 403) {
      const { parentId } = report
      const text = `${error.message}; it is built with the classic builder`
      report.progress({ id: parentId, status: 'warning', text: 'Warning', detail: text })
      return undefined
    }
    throw await toFailure(build, error, steps)
  }
}

async function toFailure(build: ImageBuild, error: unknown, steps: BuildProgress): Promise<unknown> {
  if (!isFlotillaError(error) || error.code !== 'engine/bad-request') return error
  // Engines since 28 have it so, and do not say of which file.
  const odd = /contains invalid UTF-8/.test(error.message) ? findOddName(build) : undefined
  if (odd !== undefined) return refuseOddName(`target ${build.service}: this engine`, odd, error)
  const pattern = /non-printable ASCII/.test(error.message) ? await findOddPattern(build) : undefined
  if (pattern !== undefined) {
    const text = `target ${build.service}: ${pattern.path}: the builder takes no pattern with control characters: ${JSON.stringify(pattern.pattern)}`
    return new FlotillaError('compose/invalid', text, { cause: error })
  }
  const hint = toHint(error, steps)
  return new FlotillaError('compose/execute', `target ${build.service}: ${error.message}`, {
    cause: error,
    ...(hint !== '' && { hint }),
  })
}

/** The step that failed, with the last it wrote, and the place in the Dockerfile. */
function toHint(error: FlotillaError, { failed }: BuildProgress): string {
  const source = findSource(error)
  const excerpt = source === undefined ? [] : renderExcerpt(source)
  if (failed === undefined) return excerpt.length === 0 ? '' : ['the builder points to', ...excerpt].join('\n')
  const output = failed.lines.map((line) => `  ${line}`)
  const head = `the step that failed is ${failed.name}${output.length === 0 ? '' : ':'}`
  return [head, ...output, ...excerpt].join('\n')
}

async function readFacts(
  engine: Engine,
  build: ImageBuild,
  needs: BuilderNeeds,
  o: CallOptions,
): Promise<BuilderFacts> {
  const asksGateway = Object.values(build.hosts).some((addresses) => addresses.includes('host-gateway'))
  const gateway = asksGateway
    ? (await readWorkerLabels(engine, needs, o)).get('org.mobyproject.buildkit.worker.moby.host-gateway-ip')
    : undefined
  const apiVersion = await engine.apiVersion(o)
  const isTooOld = needs.apiVersion !== undefined && !isApiAtLeast(apiVersion, needs.apiVersion)
  return {
    // A fleet has the version of its oldest engine, and finds one that is new enough, or says that it has none.
    apiVersion: isTooOld ? needs.apiVersion : apiVersion,
    hasContainerdStore: needsContainerdStore(build) && (await hasContainerdStore(engine, o)),
    ...(gateway !== undefined && gateway !== '' && { hostGateway: gateway }),
  }
}

async function hasContainerdStore(engine: Engine, o: CallOptions): Promise<boolean> {
  const info = await callForShape<{ DriverStatus?: readonly (readonly [string, string])[] | null }>(
    engine,
    { method: 'GET', path: '/info' },
    { may: { DriverStatus: { listOf: { listOf: 'text' } } } },
    o,
  )
  return (info.DriverStatus ?? []).some(([, value]) => value === 'io.containerd.snapshotter.v1')
}

/** Builds of one folder on one computer find each other's files in the engine. */
function toSharedKey(build: ImageBuild): string {
  const place = build.context.kind === 'folder' ? build.context.path : build.context.url
  return createHash('sha256').update(`${hostname()}\n${place}`).digest('hex')
}

/** What is missing here is said here: the builder would name files by its own paths. */
async function checkFiles(build: ImageBuild): Promise<void> {
  const sources = [
    ['build context', build.context] as const,
    ...Object.entries(build.contexts).map(([name, source]) => [`additional context "${name}"`, source] as const),
  ]
  for (const [what, source] of sources) {
    if (source.kind !== 'folder') continue
    const found = await stat(source.path).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined
      throw new FlotillaError('io/file', `cannot read ${source.path}: ${fileReason(error)}`, { cause: error })
    })
    if (found?.isDirectory() === true) continue
    throw new FlotillaError(
      'compose/invalid',
      `unable to prepare context of service "${build.service}": ${what} ${JSON.stringify(source.path)} ${found === undefined ? 'not found' : 'is no folder'}`,
    )
  }
  for (const secret of build.secrets) {
    if (secret.kind === 'variable') continue
    if ((await stat(secret.path).catch(() => undefined))?.isFile() !== true) {
      throw new FlotillaError(
        'compose/invalid',
        `cannot read build secret "${secret.id}" of service "${build.service}": ${secret.path} is no file`,
      )
    }
  }
  if (build.dockerfile.kind !== 'file') return
  const { path } = build.dockerfile
  const reason = await stat(path).then(
    (found) => (found.isFile() ? undefined : found.isDirectory() ? 'is a directory' : 'is no file'),
    fileReason,
  )
  if (reason === undefined) return
  throw new FlotillaError(
    'compose/invalid',
    `failed to read dockerfile of service "${build.service}": open ${path}: ${reason}`,
  )
}

/** A variable that is not set is an empty secret, as for buildx (moby/buildkit session/secrets/secretsprovider). */
async function readSecret(secrets: readonly BuildSecret[], id: string, host: BuildHost): Promise<Buffer | undefined> {
  const secret = secrets.find((entry) => entry.id === id)
  if (secret === undefined) return undefined
  if (secret.kind === 'file') return readFile(secret.path)
  return Buffer.from(host.env[secret.name] ?? '')
}
