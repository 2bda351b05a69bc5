import type { Context, Run } from '../../cli/command.ts'
import { buildServices, chooseBuilds } from '../../compose/build/build-services.ts'
import { plainWishes } from '../../compose/build/definition.ts'
import type { BuildWishes } from '../../compose/build/definition.ts'
import { execute } from '../../compose/execute.ts'
import type { SshKey } from '../../compose/model/build.ts'
import { makeDictionary } from '../../compose/model/dictionary.ts'
import type { Project } from '../../compose/model/project.ts'
import { planAllBuilds, planPushes } from '../../compose/plan/image-plan.ts'
import { parseBinarySize } from '../../core/bytes.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { makeBuildHost, readAuth } from './build-host.ts'
import { isClassicAsked, noteBuilder } from './builder-choice.ts'
import type { buildFlags } from './image-table.ts'
import { withSession } from './session.ts'
import type { Session } from './session.ts'
import { requireProject } from './target.ts'

type Flags = FlagValues<typeof buildFlags>

export const run: Run<typeof buildFlags> = async (outer, flags, args) => {
  const ctx = withProgressOf(outer, flags)
  const wishes = toWishes(flags)
  const project = await requireProject(ctx, args)
  const services = chooseBuilds(project, args, flags['with-dependencies'])
  if (services.length === 0) {
    ctx.log.warn('No services to build')
    return 0
  }
  if (flags.print) noteBuilder(ctx, flags.builder)
  if (wishes.memoryBytes !== undefined && !isClassicAsked(ctx.env)) {
    ctx.log.warn(
      '--memory has no effect: BuildKit sets no such limit, only the classic builder does (DOCKER_BUILDKIT=0)',
    )
  }
  if (flags.print) {
    const { toBakeFile } = await import('../../compose/build/bake.ts')
    const builds = planAllBuilds(project, services, wishes).steps.flatMap(({ op }) =>
      op.kind === 'build-image' ? [op.build] : [],
    )
    ctx.stdout.write(
      `${JSON.stringify(toBakeFile(builds, project, { isPushed: flags.push, isCheck: flags.check }), undefined, 2)}\n`,
    )
    return 0
  }
  return withSession(
    ctx,
    async (session) => {
      if (flags.check) {
        const { checkDockerfiles } = await import('./build-check.ts')
        return checkDockerfiles(ctx, session, project, planAllBuilds(project, services, wishes), flags.builder)
      }
      await buildAll(ctx, session, project, flags, args, wishes)
      return 0
    },
    { title: 'Building' },
  )
}

/** `build --progress X` of earlier versions counts as `--progress X` before the command word. */
function withProgressOf(ctx: Context, flags: Flags): Context {
  if (!flags.given('progress')) return ctx
  ctx.stderr.write('--progress is a global compose flag, better use `docker compose --progress xx build ...\n')
  const { globals } = ctx
  const given = (name: string): boolean => name === 'progress' || globals.given(name)
  return {
    ...ctx,
    globals: Object.assign(Object.create(null), globals, { progress: flags.progress, given }) as Context['globals'],
  }
}

async function buildAll(
  ctx: Context,
  session: Session,
  project: Project,
  flags: Flags,
  names: readonly string[],
  wishes: BuildWishes,
): Promise<void> {
  const options = {
    clock: ctx.clock,
    progress: flags.quiet ? () => {} : session.progress,
    parallel: session.parallel,
    signal: ctx.signal,
    buildHost: makeBuildHost(ctx, session, project, { isQuiet: flags.quiet, builder: flags.builder ?? '' }),
    registryAuth: (reference: string) => readAuth(ctx, reference),
    isDryRun: session.isDryRun,
  }
  const withDependencies = flags['with-dependencies']
  await buildServices(session.engine, project, names, { ...options, wishes, withDependencies })
  if (!flags.push || session.isDryRun) return
  const pushes = planPushes(chooseBuilds(project, names, withDependencies), false)
  await execute(pushes, session.engine, options)
}

function toWishes(flags: Flags): BuildWishes {
  const { memory, provenance, sbom } = flags
  return {
    ...plainWishes,
    isToRun: false,
    args: makeDictionary(flags['build-arg'].map(parseArgument)),
    isWithoutCache: flags['no-cache'],
    isPulling: flags.pull,
    ssh: parseSsh(flags.ssh),
    ...(memory !== undefined && memory !== '' && { memoryBytes: parseMemory(memory) }),
    ...(provenance !== undefined && { provenance }),
    ...(sbom !== undefined && { sbom }),
  }
}

/** @throws {cli/invalid-value} as docker's own flag of bytes does */
function parseMemory(text: string): number {
  try {
    return parseBinarySize(text)
  } catch {
    const quoted = JSON.stringify(text)
    throw new FlotillaError(
      'cli/invalid-value',
      `invalid argument ${quoted} for "-m, --memory" flag: invalid size: '${text}'`,
    )
  }
}

/** A name alone takes its value from the environment. */
function parseArgument(text: string): readonly [string, string | null] {
  const equals = text.indexOf('=')
  return equals === -1 ? [text, null] : [text.slice(0, equals), text.slice(equals + 1)]
}

/** `default`, or `ID=PATH`, several with commas between. */
function parseSsh(text: string | undefined): readonly SshKey[] {
  if (text === undefined || text === '') return []
  return text.split(',').map((entry) => {
    const equals = entry.indexOf('=')
    const id = equals === -1 ? entry : entry.slice(0, equals)
    if (id === '') throw new FlotillaError('cli/invalid-value', `invalid --ssh option ${JSON.stringify(text)}`)
    // An agent of the environment has one name only.
    if (equals === -1 && id !== 'default') {
      throw new FlotillaError('cli/invalid-value', `invalid ssh key ${JSON.stringify(id)}`)
    }
    return equals === -1 ? { id } : { id, path: entry.slice(equals + 1) }
  })
}
