import type { Context } from '../../cli/command.ts'
import type { LoadLimits } from '../../compose/load/limits.ts'
import type { Files, LoadOptions } from '../../compose/load/options.ts'
import { RemoteNeeded } from '../../compose/load/remote-needed.ts'
import { applyDefaultPlatform, dropUnused, enableServices, requireDependencies } from '../../compose/load/select.ts'
import { readProject, readTree } from '../../compose/load/source.ts'
import type { SourceRequest } from '../../compose/load/source.ts'
import type { TreeMap } from '../../compose/load/tree.ts'
import { nameImagesClassic } from '../../compose/legacy/classic-image.ts'
import type { Project } from '../../compose/model/project.ts'
import { parseRemote } from '../../compose/remote/reference.ts'
import type { RemoteSource } from '../../compose/remote/remote-files.ts'
import { isSwitchedOn } from '../../core/env-switch.ts'
import { FlotillaError } from '../../core/errors.ts'
import { composeEnv, learnEnv, readParallel } from './compose-env.ts'
import { readLimits } from './limits.ts'
import { checkLogLevel } from './log-level.ts'
import { readProgress } from './progress-flag.ts'
import { decodeText, kindOfPath, readLooseTextNow, readTextNow, resolveLinks } from '../../io/text-files.ts'

/**
 * The flags before the command word and the environment → the project they mean, ready to be run.
 *
 * @param named services the user named: their profiles are switched on
 */
export async function openProject(
  ctx: Context,
  options: Partial<LoadOptions> = {},
  named: readonly string[] = [],
  onRemote?: OnRemote,
): Promise<Project> {
  return applyDefaultPlatform(await openWritten(ctx, options, named, onRemote))
}

/** The same for commands that make something of it: what the named services depend on has to be switched on, too. */
export async function openComplete(...given: Parameters<typeof openProject>): Promise<Project> {
  const project = await openProject(...given)
  requireDependencies(project, given[2] ?? [])
  return project
}

/** The project as the files have it: what `config` prints. */
export async function openWritten(
  ctx: Context,
  options: Partial<LoadOptions> = {},
  named: readonly string[] = [],
  onRemote?: OnRemote,
): Promise<Project> {
  const loaded = await withFiles(
    ctx,
    ({ naming, ...found }) => readProject(toRequest(ctx, naming), toLoadOptions(ctx, { ...found, ...options, named })),
    onRemote,
  )
  learnEnv(ctx, loaded.environment)
  readParallel(ctx)
  const enabled = enableServices(loaded, named)
  const project = isCompatible(ctx) ? nameImagesClassic(enabled) : enabled
  return ctx.globals['all-resources'] === true ? project : dropUnused(project)
}

/** `--compatibility`, or its variable: containers and images are named with `_`. */
export function isCompatible(ctx: Context): boolean {
  return ctx.globals['compatibility'] === true || isSwitchedOn(composeEnv(ctx)['COMPOSE_COMPATIBILITY'])
}

/** The merged tree before it is bound: `config --no-interpolate`, `config --variables`. */
export function openTree(ctx: Context, options: Partial<LoadOptions>): Promise<TreeMap> {
  return withFiles(ctx, ({ naming, ...found }) =>
    readTree(toRequest(ctx, naming), toLoadOptions(ctx, { ...found, ...options })),
  )
}

/** Told of the files that came from elsewhere, when there are any. */
export type OnRemote = (sources: readonly RemoteSource[]) => void

type Naming = Pick<SourceRequest, 'fallbackName' | 'readStdin'>

/** What a project is read from and how much of it. */
interface Surroundings {
  readonly files: Files
  readonly naming: Naming
  readonly limits: Partial<LoadLimits>
}

/**
 * Gives the body the files of this computer. When it turns out to need remote ones they are fetched, and the body runs
 * again; the code for that is loaded only then.
 */
async function withFiles<T>(ctx: Context, body: (from: Surroundings) => Promise<T>, onRemote?: OnRemote): Promise<T> {
  checkLogLevel(ctx)
  readProgress(ctx)
  readParallel(ctx)
  const local: Files = {
    readText: readTextNow,
    readLooseText: readLooseTextNow,
    kindOf: kindOfPath,
    resolveLinks,
    fetched(reference) {
      if (parseRemote(reference) === undefined) return undefined
      throw new RemoteNeeded(reference)
    },
  }
  const limits = await readLimits(ctx)
  let stdin: Promise<string> | undefined
  const readStdin = (maxBytes: number): Promise<string> => (stdin ??= readTextOf(ctx, maxBytes))
  try {
    return await body({ files: local, naming: { readStdin }, limits })
  } catch (error) {
    if (!(error instanceof RemoteNeeded)) throw error
  }
  const [{ makeRemoteFiles }, { toRegistryOptions }] = await Promise.all([
    import('../../compose/remote/remote-files.ts'),
    import('./registry-options.ts'),
  ])
  const remote = makeRemoteFiles(toRegistryOptions(ctx))
  const naming = { readStdin, fallbackName: remote.nameOf }
  const loaded = await remote.load(() => body({ files: remote.files, naming, limits }))
  onRemote?.(remote.sources)
  return loaded
}

function toRequest(ctx: Context, naming: Naming): SourceRequest {
  const { globals } = ctx
  const projectDirectory = readDirectory(ctx)
  const projectName = textOf(globals['project-name'])
  return {
    get cwd() {
      return ctx.cwd
    },
    env: ctx.env,
    files: textsOf(globals['file']),
    envFiles: textsOf(globals['env-file']),
    profiles: textsOf(globals['profile']),
    ...(projectName === undefined ? {} : { projectName }),
    ...(projectDirectory === undefined ? {} : { projectDirectory }),
    ...naming,
  }
}

function toLoadOptions(ctx: Context, options: Partial<LoadOptions> & Pick<LoadOptions, 'files'>): LoadOptions {
  return {
    warn: (message) => warnOnce(ctx, message),
    ...options,
  }
}

const told = new WeakMap<Context, Set<string>>()

/** What is loaded again after a fetch warns again. */
function warnOnce(ctx: Context, message: string): void {
  const messages = told.get(ctx) ?? new Set()
  told.set(ctx, messages)
  if (messages.has(message)) return
  messages.add(message)
  ctx.log.warn(message)
}

function readDirectory(ctx: Context): string | undefined {
  const [directory, workdir] = [textOf(ctx.globals['project-directory']), textOf(ctx.globals['workdir'])]
  if (workdir === undefined) return directory
  if (directory !== undefined) {
    throw new FlotillaError(
      'cli/invalid-value',
      'cannot specify DEPRECATED "--workdir" and "--project-directory". Please use only "--project-directory" instead',
    )
  }
  return workdir
}

/** The standard input, which may have no end: no further than is needed to know that it is too long. */
async function readTextOf(ctx: Context, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of ctx.stdin) {
    bytes += chunks[chunks.push(Buffer.from(chunk as Uint8Array)) - 1]?.length ?? 0
    // A character may take four of them.
    if (bytes > maxBytes * 4) break
  }
  return decodeText('-', Buffer.concat(chunks))
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : []
}
