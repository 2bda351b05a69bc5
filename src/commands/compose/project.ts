import type { Context } from '../../cli/command.ts'
import type { LoadOptions } from '../../compose/load/options.ts'
import { applyDefaultPlatform, dropUnused, enableServices } from '../../compose/load/select.ts'
import { readProject, readTree } from '../../compose/load/source.ts'
import type { SourceRequest } from '../../compose/load/source.ts'
import type { TreeMap } from '../../compose/load/tree.ts'
import type { Project } from '../../compose/model/project.ts'
import { FlotillaError } from '../../core/errors.ts'
import { kindOfPath, readTextNow, resolveLinks } from '../../io/text-files.ts'

/**
 * The flags before the command word and the environment → the project they mean, ready to be run.
 *
 * @param named services the user named: their profiles are switched on
 */
export async function openProject(
  ctx: Context,
  options: Partial<LoadOptions> = {},
  named: readonly string[] = [],
): Promise<Project> {
  return applyDefaultPlatform(await openWritten(ctx, options, named))
}

/** The project as the files have it: what `config` prints. */
export async function openWritten(
  ctx: Context,
  options: Partial<LoadOptions> = {},
  named: readonly string[] = [],
): Promise<Project> {
  const project = enableServices(await readProject(toRequest(ctx), toLoadOptions(ctx, options)), named)
  return ctx.globals['all-resources'] === true ? project : dropUnused(project)
}

/** The merged tree before it is bound: `config --no-interpolate`, `config --variables`. */
export function openTree(ctx: Context, options: Partial<LoadOptions>): Promise<TreeMap> {
  return readTree(toRequest(ctx), toLoadOptions(ctx, options))
}

function toRequest(ctx: Context): SourceRequest {
  const { globals } = ctx
  const projectDirectory = readDirectory(ctx)
  const projectName = textOf(globals['project-name'])
  return {
    cwd: ctx.cwd,
    env: ctx.env,
    files: textsOf(globals['file']),
    envFiles: textsOf(globals['env-file']),
    profiles: textsOf(globals['profile']),
    ...(projectName === undefined ? {} : { projectName }),
    ...(projectDirectory === undefined ? {} : { projectDirectory }),
    readStdin: () => readAllText(ctx),
  }
}

function toLoadOptions(ctx: Context, options: Partial<LoadOptions>): LoadOptions {
  return {
    files: { readText: readTextNow, kindOf: kindOfPath, resolveLinks },
    warn: (message) => ctx.log.warn(message),
    convertWindowsPaths: isTrue(ctx.env['COMPOSE_CONVERT_WINDOWS_PATHS']),
    ...options,
  }
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

async function readAllText(ctx: Context): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of ctx.stdin) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks).toString('utf8')
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : []
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(?:1|t|true|y|yes|on)$/i.test(value)
}
