import { randomBytes } from 'node:crypto'
import type { Context, Run } from '../../cli/command.ts'
import { isSwitchedOn } from '../../core/env-switch.ts'
import { FlotillaError } from '../../core/errors.ts'
import { plainWishes } from '../../compose/build/definition.ts'
import { converge } from '../../compose/converge.ts'
import type { ConvergeOptions } from '../../compose/converge.ts'
import type { Project } from '../../compose/model/project.ts'
import { toOneOffName, withOneOff } from '../../compose/plan/one-off.ts'
import { attachContainer, resizeContainer } from '../../engine/api/streams.ts'
import type { AttachedStream } from '../../engine/streams.ts'
import { joinSignals } from '../../io/join-signals.ts'
import { readTextNow } from '../../io/text-files.ts'
import { limitsOf } from './limits.ts'
import { checkTerminal, joinStreams } from './attached-streams.ts'
import { composeEnv } from './compose-env.ts'
import { forwardSignals, watchExit, watchStart } from './container-session.ts'
import type { ExitWatch, Forwarding } from './container-session.ts'
import { chooseDetachKeys } from './detach.ts'
import { requireArguments } from './one-container.ts'
import type { runFlags } from './process-table.ts'
import { resolveOutside } from './outside.ts'
import { requireConfirmed } from './remote-project.ts'
import { checkRunFlags, toOneOffChange } from './run-options.ts'
import type { RunFlags } from './run-options.ts'
import { withSession } from './session.ts'
import type { Session } from './session.ts'
import { defaultCreation, toConvergeOptions } from './up.ts'

const slugBytes = 32

/** Ends with the exit code of the container; with 0 when it is left running. */
export const run: Run<typeof runFlags> = async (ctx, flags, args) => {
  requireArguments(args, 1)
  checkRunFlags(flags)
  const [service = '', ...command] = args
  const written = await requireConfirmed(ctx, [service], false)
  const known = written.services[service]
  if (known === undefined) throw new FlotillaError('compose/not-found', `no such service: ${service}`)
  const isTty = wantsTerminal(ctx, flags)
  if (!flags.detach && flags.given('tty')) checkTerminal(ctx, isTty, flags.interactive)
  const change = toOneOffChange(flags, command, {
    cwd: ctx.cwd,
    variables: written.environment,
    home: ctx.env['HOME'],
    files: { readText: readTextNow },
    limits: limitsOf(ctx),
    isTty,
    warn: (message) => ctx.log.warn(message),
  })
  const withoutDependencies = flags['no-deps']
  return withSession(
    ctx,
    async (session) => {
      const outside = { services: [service], withoutDependencies, isPlan: session.isDryRun }
      const project = await resolveOutside(ctx, session, written, outside)
      const definition = project.services[service] ?? known
      const options = toOptions(ctx, session, project, flags, service)
      const { separator, oneOff } = options.reconcile
      const name = flags.name ?? toOneOffName(project.name, service, oneOff.slug, separator)
      const changed = withOneOff(project, definition, name, change)
      if (session.isDryRun) return rehearse(ctx, session, changed, options, flags.detach ? name : undefined)
      if (flags.detach) return runDetached(ctx, session, changed, options)
      return runJoined(ctx, session, changed, options, { isTty, hasStdin: flags.interactive })
    },
    { title: 'Creating' },
  )
}

/** A terminal unless told otherwise or one of ours is missing (docker/compose cmd/compose/run.go). */
function wantsTerminal(ctx: Context, flags: RunFlags): boolean {
  if (flags.given('tty')) return flags.tty
  if (flags.given('no-TTY')) return !flags['no-TTY']
  return ctx.terminal.isTty && (flags.given('interactive') || ctx.terminal.isStdinTty)
}

type RunOptions = ConvergeOptions & {
  readonly reconcile: { readonly oneOff: NonNullable<ConvergeOptions['reconcile']['oneOff']> }
}

function toOptions(ctx: Context, session: Session, project: Project, flags: RunFlags, service: string): RunOptions {
  // Unlike for `up` both at once are no contradiction for the reference program: the variable wins.
  const isIgnoring = isSwitchedOn(composeEnv(ctx)['COMPOSE_IGNORE_ORPHANS'])
  const creation = {
    ...defaultCreation,
    build: flags.build,
    pull: flags.pull,
    'no-deps': flags['no-deps'],
    'quiet-build': flags['quiet-build'],
    'quiet-pull': flags['quiet-pull'],
    'remove-orphans': flags['remove-orphans'] && !isIgnoring,
    command: 'docker-compose run',
    'lock-timeout': flags['lock-timeout'],
    'no-lock': flags['no-lock'],
  }
  const options = toConvergeOptions(ctx, session, project, creation, [service])
  return {
    ...options,
    ...(flags.quiet
      ? { progress() {} }
      : flags['quiet-build'] && { progress: withoutBuild(options.progress, service) }),
    // Unlike those of `up`, builds look for newer base images only where the file says so.
    images: { ...options.images, wishes: plainWishes },
    reconcile: {
      ...options.reconcile,
      oneOff: {
        service,
        slug: randomBytes(slugBytes).toString('hex'),
        isAttached: flags.interactive,
        isRemoved: flags.rm,
        hasAliases: flags['use-aliases'],
      },
    },
  }
}

/** `--quiet-build` keeps quiet of the service itself; of what it depends on it shows that it is built. */
function withoutBuild(progress: Session['progress'], service: string): Session['progress'] {
  return (event) => {
    if (event.id !== service || event.isTransfer === true) progress(event)
  }
}

/** @param name of the container; absent when it would be joined, which cannot be rehearsed */
async function rehearse(
  ctx: Context,
  session: Session,
  project: Project,
  options: RunOptions,
  name: string | undefined,
): Promise<number> {
  await converge(session.engine, project, options)
  session.stopProgress()
  if (name === undefined) {
    throw new FlotillaError('cli/usage', 'interactive run is not supported in dry-run mode')
  }
  ctx.stdout.write(`${name}\n`)
  return 0
}

async function runDetached(ctx: Context, session: Session, project: Project, options: RunOptions): Promise<number> {
  let id = ''
  await converge(session.engine, project, {
    ...options,
    beforeStart(container) {
      if (container.service === options.reconcile.oneOff.service) ({ id } = container)
      return Promise.resolve()
    },
  })
  session.stopProgress()
  ctx.stdout.write(`${id}\n`)
  return 0
}

/** What is known of the container from just before its start. */
interface Joined {
  readonly id: string
  readonly stream: AttachedStream
  readonly exit: ExitWatch
  readonly signals: Forwarding
}

async function runJoined(
  ctx: Context,
  session: Session,
  project: Project,
  options: RunOptions,
  io: { readonly isTty: boolean; readonly hasStdin: boolean },
): Promise<number> {
  const { engine } = session
  const { oneOff } = options.reconcile
  const keys = await chooseDetachKeys(ctx, undefined)
  const call = { signal: ctx.signal }
  const over = new AbortController()
  const impatience = new AbortController()
  let joined: Joined | undefined
  const join = async (id: string): Promise<Joined> => {
    const exit = watchExit(ctx, engine, id, oneOff.isRemoved ? 'removed' : 'next-exit')
    const query = { stdin: io.hasStdin, tty: io.isTty, detachKeys: keys.text }
    const [stream] = await Promise.all([attachContainer(engine, id, query, call), exit.ready])
    const signals = forwardSignals(ctx, engine, id)
    signals.forced.catch((reason: unknown) => impatience.abort(reason))
    return { id, stream, exit, signals }
  }
  try {
    await converge(engine, project, {
      ...options,
      startSignal: joinSignals(ctx.signal, impatience.signal),
      async beforeStart(container) {
        if (container.service !== oneOff.service) return
        session.stopProgress()
        joined = await join(container.id)
      },
    }).catch((error: unknown) => {
      throw impatience.signal.aborted ? impatience.signal.reason : error
    })
    if (joined === undefined) throw new FlotillaError('internal', 'the plan starts no one-off container')
    const { id, stream, exit, signals } = joined
    const joining = joinStreams(ctx, stream, {
      ...io,
      detachKeys: keys.bytes,
      resize: (size) => resizeContainer(engine, id, size, call),
    })
    const broken = [signals.forced, watchStart(ctx, engine, id, over.signal)]
    const ending = await Promise.race([joining, ...broken])
    if (ending === 'ended') {
      const code = await Promise.race([exit.code, ...broken])
      signals.endInterrupted()
      return code
    }
    ctx.stderr.write('read escape sequence\n')
    return 0
  } finally {
    over.abort()
    joined?.signals.release()
    joined?.stream.socket.destroy()
  }
}
