import type { Context } from '../../cli/command.ts'
import { isFlotillaError } from '../../core/errors.ts'
import type { openProject } from './project.ts'
import { checkProjectName } from '../../compose/load/project-name.ts'
import { mapDictionary } from '../../compose/model/dictionary.ts'
import type { Project } from '../../compose/model/project.ts'

/** What a command that can do without files works on. */
export interface Target {
  readonly name: string
  /** Absent when only labels are known. */
  readonly project?: Project
}

/** The project of the files, with the profiles of the named services switched on. */
export async function requireProject(ctx: Context, services: readonly string[]): Promise<Project> {
  const { openComplete } = await import('./project.ts')
  return openComplete(ctx, { keepWritten: true }, services)
}

/** A command that knows the name of its project reads no file, and does not load what reads them. */
async function loadOpener(): Promise<typeof openProject> {
  return (await import('./project.ts')).openProject
}

/**
 * The project's name and, where files are given or found, its model. With `-p` and no `-f` no file is
 * looked at, and files that cannot be loaded do no harm when the environment names the project.
 */
export async function requireTarget(ctx: Context, services: readonly string[]): Promise<Target> {
  const given = ctx.globals['project-name']
  const files = ctx.globals['file']
  if (typeof given === 'string' && given !== '' && !(Array.isArray(files) && files.length > 0)) {
    return { name: checkProjectName(given) }
  }
  try {
    const project = await openTolerant(ctx, services)
    return { name: project.name, project }
  } catch (error) {
    const name = ctx.env['COMPOSE_PROJECT_NAME']
    if (name === undefined || name === '' || !isFlotillaError(error)) throw error
    return { name: checkProjectName(name) }
  }
}

const withoutFiles = { skipEnvironment: true, skipLabelFiles: true } as const

/** What runs can be stopped without its env files and label files and without its required variables. */
async function openTolerant(ctx: Context, services: readonly string[]): Promise<Project> {
  const open = await loadOpener()
  try {
    return await open(ctx, withoutFiles, services)
  } catch (error) {
    if (!isFlotillaError(error) || error.code !== 'compose/interpolation') throw error
    try {
      return withoutHooks(ctx, await open(ctx, { ...withoutFiles, skipInterpolation: true }, services))
    } catch {
      throw error
    }
  }
}

/** A command whose variables are not filled in is not the one that was meant. */
function withoutHooks(ctx: Context, project: Project): Project {
  const services = mapDictionary(project.services, (service) => {
    const { pre_start: prepares, post_start: begins, pre_stop: ends, ...others } = service
    if (prepares === undefined && begins === undefined && ends === undefined) return service
    ctx.log.warn(`hooks of service "${service.name}" are not run: a variable that the files require is not set`)
    return others
  })
  return { ...project, services }
}
