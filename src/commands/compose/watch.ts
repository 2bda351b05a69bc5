import type { Context, Run } from '../../cli/command.ts'
import { isSwitchedOn } from '../../core/env-switch.ts'
import type { FlagValues } from '../../core/flag.ts'
import { FlotillaError } from '../../core/errors.ts'
import { converge } from '../../compose/converge.ts'
import { copyDictionary } from '../../compose/model/dictionary.ts'
import type { Project } from '../../compose/model/project.ts'
import { collectRules } from '../../compose/watch/rules.ts'
import { watchProject } from '../../compose/watch/watcher.ts'
import { readTextNow, resolveLinks } from '../../io/text-files.ts'
import { makeLabelledLines } from '../../ui/labelled-lines.ts'
import { resolveOutside } from './outside.ts'
import { withSession } from './session.ts'
import type { Session } from './session.ts'
import { requireProject } from './target.ts'
import type { watchFlags } from './watch-table.ts'
import { toWatchOptions, withWatchLock } from './watch-session.ts'
import { defaultCreation, toConvergeOptions } from './up.ts'

const interruptedExitCode = 130
const maxIgnoreBytes = 1024 * 1024

export const run: Run<typeof watchFlags> = async (ctx, flags, args) => {
  const project = await requireProject(ctx, args)
  const missing = args.find((name) => project.services[name] === undefined)
  if (missing !== undefined) throw new FlotillaError('compose/not-found', `no such service: ${missing}`)
  checkWatch(ctx)
  const rules = collectRules(project, args, {
    readText: (path) => readTextNow(path, maxIgnoreBytes),
    resolveLinks,
    warn: (message) => ctx.log.warn(message),
  })
  return withSession(ctx, async (session) => {
    if (session.isDryRun) return 0
    return withWatchLock(ctx, project.name, () => watchUntilInterrupted(ctx, session, project, flags, args, rules))
  })
}

/** @throws {cli/usage} where the user has switched off what a watch needs */
function checkWatch(ctx: Pick<Context, 'env'>): void {
  const value = ctx.env['COMPOSE_EXPERIMENTAL_WATCH_TAR']
  if (value === undefined || value === '' || isSwitchedOn(value)) return
  throw new FlotillaError('cli/usage', 'no available sync implementation', {
    hint: 'COMPOSE_EXPERIMENTAL_WATCH_TAR switches it off',
  })
}

/** What changed while nobody followed it is in the images of the services to be followed, too. */
function withFreshImages(project: Project): Project {
  const services = copyDictionary(project.services)
  for (const service of Object.values(services)) {
    const isFollowed = service.build !== undefined && service.develop !== undefined
    if (isFollowed) services[service.name] = { ...service, pull_policy: 'build' }
  }
  return { ...project, services }
}

async function watchUntilInterrupted(
  ctx: Context,
  session: Session,
  written: Project,
  flags: FlagValues<typeof watchFlags>,
  services: readonly string[],
  rules: ReturnType<typeof collectRules>,
): Promise<number> {
  // Without an `up` nobody is asked: what is built anew is told what its predecessor was told.
  const outside = { services, withoutDependencies: false, isPlan: flags['no-up'] }
  const project = await resolveOutside(ctx, session, written, outside)
  const options = toConvergeOptions(
    ctx,
    session,
    project,
    { ...defaultCreation, 'quiet-build': flags.quiet, 'quiet-pull': flags.quiet, command: 'docker-compose watch' },
    services,
  )
  if (!flags['no-up']) await converge(session.engine, withFreshImages(project), options)
  session.stopProgress()
  const stop = new AbortController()
  const release = ctx.onInterrupt(() => stop.abort())
  try {
    await watchProject(session.engine, project, {
      ...toWatchOptions(ctx, session, project, { ...options, signal: stop.signal }, rules),
      isPruning: flags.prune,
      log: (line) => ctx.stdout.write(`${line}\n`),
      output: makeLabelledLines(ctx),
    })
  } finally {
    release()
  }
  return interruptedExitCode
}
