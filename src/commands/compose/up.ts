import type { Context, Run } from '../../cli/command.ts'
import { isSwitchedOn } from '../../core/env-switch.ts'
import type { FlagValues } from '../../core/flag.ts'
import { FlotillaError } from '../../core/errors.ts'
import { converge } from '../../compose/converge.ts'
import type { ConvergeOptions } from '../../compose/converge.ts'
import { makeDictionary } from '../../compose/model/dictionary.ts'
import type { Dictionary } from '../../compose/model/dictionary.ts'
import type { Project } from '../../compose/model/project.ts'
import { observeContainers } from '../../compose/observe.ts'
import { plainWishes } from '../../compose/build/definition.ts'
import { rosterOfProject } from '../../compose/plan/dependency.ts'
import { selectServices } from '../../compose/plan/selection.ts'
import type { Plan } from '../../compose/plan/plan.ts'
import { planWait } from '../../compose/plan/wait-plan.ts'
import { makeBuildHost, readAuth } from './build-host.ts'
import { readChanging } from './change-pace.ts'
import { composeEnv, removesOrphans } from './compose-env.ts'
import type { upFlags } from './up-table.ts'
import { isCompatible } from './project.ts'
import { resolveOutside } from './outside.ts'
import { askUser, withSession } from './session.ts'
import type { Session } from './session.ts'
import { limitsOf } from './limits.ts'
import { checkUpFlags, parsePull, parseScale } from './up-options.ts'
import { readLock } from './project-lock-flags.ts'
import { requireConfirmed } from './remote-project.ts'
import { waitFor } from './wait-for.ts'

export type UpFlags = FlagValues<typeof upFlags>

export const run: Run<typeof upFlags> = async (ctx, typed, args) => {
  const flags = { ...typed, yes: readYes(ctx, typed) }
  checkUpFlags(flags)
  const written = await requireConfirmed(ctx, args, flags.yes || flags.plan)
  // Services of profiles that are off are none: a silent success would look like one.
  if (Object.keys(written.services).length === 0) throw new FlotillaError('compose/not-found', 'no service selected')
  const outside = { services: args, withoutDependencies: flags['no-deps'] }
  const creation = { ...flags, 'remove-orphans': removesOrphans(ctx, flags) }
  if (flags.plan) {
    const { printPlan, readDisplay } = await import('./print-plan.ts')
    const display = readDisplay(flags)
    const show = async (session: Session): Promise<number> => {
      const project = await resolveOutside(ctx, session, written, { ...outside, isPlan: true })
      return printPlan(ctx, session, project, toConvergeOptions(ctx, session, project, creation, args), display)
    }
    return withSession(ctx, show, { isReadOnly: true })
  }
  return withSession(ctx, async (session) => {
    const project = await resolveOutside(ctx, session, written, { ...outside, isPlan: session.isDryRun })
    const seconds = flags['wait-timeout'] ?? 0
    const limit = seconds > 0 ? { waitLimitMs: seconds * 1000 } : {}
    const options = { ...toConvergeOptions(ctx, session, project, creation, args), ...limit }
    if (flags.detach || flags.wait || flags['no-start'] || session.isDryRun) {
      const done = await converge(session.engine, project, options)
      if (flags.wait && !session.isDryRun) await waitForAll(ctx, session, project, { flags, names: args, done })
      if (session.isDryRun && !flags.detach && !flags.wait && !flags['no-start']) {
        session.stopProgress()
        ctx.stdout.write("end of 'compose up' output, interactive run is not supported in dry-run mode\n")
      }
      return 0
    }
    const { upAttached } = await import('./up-attached.ts')
    return upAttached(ctx, session, project, flags, args, options)
  })
}

/** `--yes`, also in its old spelling `--y` (docker/compose cmd/compose/up.go). */
export function readYes(ctx: Context, flags: { readonly yes: boolean; readonly y: boolean }): boolean {
  if (flags.y) ctx.log.warn('--y is deprecated, please use --yes instead')
  return flags.yes || flags.y
}

/** The flags that say how containers come about, which `create` shares in part. */
export type CreationFlags = Pick<
  UpFlags,
  | 'always-recreate-deps'
  | 'no-build'
  | 'quiet-build'
  | 'build'
  | 'force-recreate'
  | 'no-deps'
  | 'no-recreate'
  | 'no-start'
  | 'pull'
  | 'quiet-pull'
  | 'remove-orphans'
  | 'renew-anon-volumes'
  | 'scale'
  | 'yes'
  | 'lowest-numbers'
  | 'strict'
  | 'replace-classic'
> & {
  readonly timeout?: number | undefined
  readonly 'lock-timeout'?: number | undefined
  readonly 'no-lock'?: boolean
  /** Who holds the lock, for those who wait: `docker-compose scale`. Absent: `up` or `create`. */
  readonly command?: string
}

/** What `up` does when it is not asked for anything. */
export const defaultCreation: CreationFlags = {
  'always-recreate-deps': false,
  build: false,
  'force-recreate': false,
  'lowest-numbers': false,
  'no-build': false,
  'no-deps': false,
  'no-recreate': false,
  'no-start': false,
  pull: 'policy',
  'quiet-build': false,
  'quiet-pull': false,
  'remove-orphans': false,
  'renew-anon-volumes': false,
  'replace-classic': false,
  scale: [],
  strict: false,
  yes: false,
}

/** The engine work that the flags ask for. */
export function toConvergeOptions(
  ctx: Context,
  session: Session,
  project: Project,
  flags: CreationFlags,
  services: readonly string[],
): ConvergeOptions {
  const isRemoving = flags['remove-orphans']
  const isIgnoring = isSwitchedOn(composeEnv(ctx)['COMPOSE_IGNORE_ORPHANS'])
  if (isRemoving && isIgnoring) {
    throw new FlotillaError('cli/usage', 'cannot combine COMPOSE_IGNORE_ORPHANS and --remove-orphans')
  }
  const recreate = flags['no-recreate']
    ? 'never'
    : flags['force-recreate'] || flags['renew-anon-volumes']
      ? 'force'
      : 'diverged'
  const recreateDependencies = flags['no-recreate'] ? 'never' : flags['always-recreate-deps'] ? 'force' : 'diverged'
  const changing = readChanging(ctx, session.endpoint)
  return {
    reconcile: {
      services,
      withoutDependencies: flags['no-deps'],
      scale: readScale(ctx, project, flags, services),
      recreate,
      recreateDependencies,
      orphans: isRemoving ? 'remove' : isIgnoring ? 'ignore' : 'warn',
      renewAnonymousVolumes: flags['renew-anon-volumes'],
      lowestNumbers: flags['lowest-numbers'],
      replaceClassic: flags['replace-classic'],
      start: !flags['no-start'],
      awaitsAgain: true,
      ...(flags.timeout !== undefined && { timeoutSeconds: flags.timeout }),
      separator: isCompatible(ctx) ? '_' : '-',
    },
    isStrict: flags.strict,
    pull: parsePull(flags.pull, flags.build),
    clock: ctx.clock,
    progress: chooseProgress(session.progress, flags),
    buildHost: makeBuildHost(ctx, session, project, { isQuiet: flags['quiet-build'] }),
    images: {
      mayBuild: !flags['no-build'],
      wishes: { ...plainWishes, isPulling: flags.pull === 'always' },
    },
    parallel: session.parallel,
    ...(changing !== undefined && { changing }),
    warn: (message) => ctx.log.warn(message),
    note: (message) => ctx.log.debug(message),
    ask: askOnce(askUser(ctx, session, flags.yes)),
    isDryRun: session.isDryRun,
    ...readLock(flags, flags.command ?? (flags['no-start'] ? 'docker-compose create' : 'docker-compose up')),
    isRemote: session.endpoint.kind !== 'unix' && session.endpoint.kind !== 'npipe',
    registryAuth: (reference) => readAuth(ctx, reference),
    signal: ctx.signal,
  }
}

function readScale(
  ctx: Context,
  project: Project,
  flags: CreationFlags,
  services: readonly string[],
): Dictionary<number> {
  if (flags.scale.length === 0) return makeDictionary<number>()
  const { names } = selectServices(project, services, flags['no-deps'])
  return parseScale(flags.scale, project, names, limitsOf(ctx).replicas)
}

/** A plan made again under the lock does not ask again. */
function askOnce(ask: ConvergeOptions['ask']): ConvergeOptions['ask'] {
  const answers = new Map<string, Promise<boolean>>()
  return (question) => {
    const answer = answers.get(question.id) ?? ask(question)
    answers.set(question.id, answer)
    return answer
  }
}

/** `--quiet-pull` leaves out layers, `--quiet-build` steps, whose names begin with that of what is built. */
function chooseProgress(progress: Session['progress'], flags: CreationFlags): Session['progress'] {
  if (!flags['quiet-pull'] && !flags['quiet-build']) return progress
  return (event) => {
    const { id, parentId } = event
    const isStep = parentId !== undefined && id.startsWith(`${parentId} `)
    if (parentId === undefined || !(isStep ? flags['quiet-build'] : flags['quiet-pull'])) progress(event)
  }
}

async function waitForAll(
  ctx: Context,
  session: Session,
  project: Project,
  { flags, names, done }: { readonly flags: UpFlags; readonly names: readonly string[]; readonly done: Plan },
): Promise<void> {
  const services = selectServices(project, names).services.map(({ name }) => name)
  const containers = await observeContainers(session.engine, project.name, { signal: ctx.signal })
  const roster = rosterOfProject(project, { containers, networks: [], volumes: [], images: {} })
  await waitFor(ctx, session, planWait(roster, services, done), flags['wait-timeout'])
}
