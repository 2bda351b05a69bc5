import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { joinSignals } from '../../io/join-signals.ts'
import { converge } from '../../compose/converge.ts'
import type { ConvergeOptions } from '../../compose/converge.ts'
import { makeMonitor } from '../../compose/logs/monitor.ts'
import type { Exit, Monitor } from '../../compose/logs/monitor.ts'
import { withTimestamps } from '../../compose/logs/sink.ts'
import type { LogSink } from '../../compose/logs/sink.ts'
import type { HookOutput } from '../../compose/execute/hook.ts'
import type { Project } from '../../compose/model/project.ts'
import { observeContainers } from '../../compose/observe.ts'
import { isAlive } from '../../compose/plan/observed.ts'
import { requireService } from '../../compose/load/select.ts'
import { selectServices } from '../../compose/plan/selection.ts'
import { toLogName } from '../../compose/translate/name.ts'
import { makeLogPainter } from '../../ui/log-prefix.ts'
import { waitForRoom } from '../../ui/room.ts'
import { makeStatusLine } from '../../ui/status-line.ts'
import type { StatusLine } from '../../ui/status-line.ts'
import { hasColour } from './session.ts'
import type { Session } from './session.ts'
import { makeStopper } from './stopper.ts'
import { makeCompanion, wantsMenu } from './up-companion.ts'
import type { Companion } from './up-companion.ts'
import type { UpFlags } from './up.ts'
import { chooseAttached, chooseDeciding } from './up-options.ts'

const interruptedExitCode = 130

/** What an attached `up` works with. */
interface Stage {
  readonly ctx: Context
  readonly session: Session
  readonly project: Project
  readonly options: ConvergeOptions
  readonly services: ReadonlySet<string>
  readonly shown: ReadonlySet<string>
  readonly monitor: Monitor
  readonly sink: LogSink
  readonly companion: Companion
  /** Told before the first container is started. */
  readonly onStarting: () => void
}

/** Why it ends. */
type Ending =
  | { readonly kind: 'ended' | 'cancelled' | 'interrupted' | 'detached' }
  | { readonly kind: 'aborted'; readonly exit: Exit }

/**
 * Brings the project up, shows the output of its containers, and stops them again on Ctrl-C or when the
 * flags say that the end of one is the end of all. The second Ctrl-C kills.
 *
 * @returns the exit code
 */
export async function upAttached(
  ctx: Context,
  session: Session,
  project: Project,
  flags: UpFlags,
  named: readonly string[],
  options: ConvergeOptions,
): Promise<number> {
  const selected = selectServices(project, named, flags['no-deps']).services.map((service) => service.name)
  const services = new Set(selected)
  const shown = chooseAttached(flags, project, selected, named)
  const from = flags['exit-code-from']
  if (from !== undefined) requireSelected(project, services, from)
  const deciding = chooseDeciding(flags, shown, named)
  const line = makeStatusLine(ctx.stdout)
  const sink = makeSink(ctx, flags, line)
  const hookOutput = ({ label, stream, text }: HookOutput): void => sink.write(label, stream, text)
  const exits: Exit[] = []
  const interrupt = new AbortController()
  const impatience = new AbortController()
  let decide: (ending: Ending) => void = () => {}
  const decided = new Promise<Ending>((resolve) => {
    decide = resolve
  })
  const isDeciding = ({ service }: Exit): boolean => deciding.size === 0 || deciding.has(service)
  const onExit = (exit: Exit): void => {
    exits.push(exit)
    if (isDeciding(exit) && endsAll(flags, exit)) decide({ kind: 'aborted', exit })
  }
  // What services that were named depend on need not end, though its output may be shown.
  const awaited = named.length > 0 ? new Set(named) : shown
  const monitor = makeMonitor(
    session.engine,
    { project: project.name, sink, clock: ctx.clock, services, shown, awaited, hasNotes: true, onExit },
    {},
  )
  // What a service that was named depends on goes on, as in 2.40 and 1.29: it may serve others.
  const stopped = named.length > 0 ? new Set(named) : services
  const stopper = makeStopper(ctx, session, project, stopped, flags.timeout, hookOutput)
  // Ctrl-C is a signal, or a key once the keys are read one by one.
  let interrupts = 0
  let isStarting = false
  const onInterrupt = (): void => {
    if (!isStarting) {
      // What ran before it, while images are brought and containers are made, goes on as it was.
      interrupt.abort()
      return decide({ kind: 'cancelled' })
    }
    interrupts += 1
    if (interrupts > 1) {
      impatience.abort()
      return stopper.kill()
    }
    session.stopProgress()
    line.hide()
    ctx.stdout.write('Gracefully Stopping... press Ctrl+C again to force\n')
    interrupt.abort()
    decide({ kind: 'interrupted' })
  }
  const release = ctx.onInterrupt(onInterrupt)
  const companion = makeCompanion({
    ctx,
    session,
    project,
    converge: options,
    services: named,
    sink,
    monitor,
    line,
    hasMenu: wantsMenu(ctx, flags.given('menu') ? flags.menu : undefined),
    isWatching: flags.watch,
    canBuild: !flags['no-build'],
    onInterrupt,
    onDetach: () => decide({ kind: 'detached' }),
  })
  try {
    await monitor.open()
    const stage = {
      ctx,
      session,
      project,
      options: { ...options, hookOutput, startSignal: joinSignals(impatience.signal) },
      services,
      shown,
      monitor,
      sink,
      companion,
      onStarting: () => {
        isStarting = true
      },
    }
    const played = play(stage, interrupt.signal)
    const ending = await Promise.race([decided, played])
    await companion.quiet()
    if (ending.kind === 'ended') return 0
    // Nobody reads along any more, which is no wish that anything ends.
    const isUnread = ctx.signal.aborted && interrupts === 0
    if (ending.kind === 'detached' || isUnread) {
      // What is followed is let go of, and nothing is stopped.
      interrupt.abort()
      await played.catch(() => {})
      return 0
    }
    if (ending.kind === 'aborted') ctx.stderr.write('Aborting on container exit...\n')
    interrupt.abort()
    // What is being made and started may still come to run: what is stopped is looked up after that has ended.
    await played.catch(() => {})
    if (ending.kind === 'cancelled') return interruptedExitCode
    await stopper.stop()
    await drain(ctx, monitor)
    if (ending.kind !== 'aborted') return interruptedExitCode
    // Nobody is in a hurry: a slow reader gets all of it.
    await monitor.drained()
    return (exits.find((exit) => exit.service === from) ?? ending.exit).code
  } finally {
    release()
    companion.close()
    monitor.close()
    sink.end()
  }
}

/** @throws {compose/not-found} when the service is not among those that are brought up */
function requireSelected(project: Project, services: ReadonlySet<string>, name: string): void {
  requireService(project, name)
  if (!services.has(name)) throw new FlotillaError('compose/not-found', `no such service: ${name}: disabled`)
}

function endsAll(flags: UpFlags, exit: Exit): boolean {
  if (flags['abort-on-container-failure']) return exit.code !== 0
  return flags['abort-on-container-exit'] || flags['exit-code-from'] !== undefined
}

/** Makes the containers, attaches, starts them, and waits for their end. */
async function play(stage: Stage, interrupted: AbortSignal): Promise<Ending> {
  const { session, project, options, services, monitor } = stage
  const signal = joinSignals(stage.ctx.signal, interrupted)
  const beforeStart: ConvergeOptions['beforeStart'] = (container) => {
    stage.onStarting()
    return monitor.attach(container)
  }
  try {
    // Updates behind gates start what they make; without them nothing starts before everything is attached.
    const isRolling = [...services].some((name) => project.services[name]?.deploy?.update_config !== undefined)
    await converge(session.engine, project, {
      ...options,
      reconcile: { ...options.reconcile, start: isRolling },
      signal,
      ...(isRolling && { beforeStart }),
    })
    session.stopProgress()
    const containers = (await observeContainers(session.engine, project.name, { signal })).filter(
      (container) => !container.isOneOff && services.has(container.service),
    )
    signal.throwIfAborted()
    stage.onStarting()
    announce(stage, containers)
    for (const container of containers) if (isAlive(container)) await monitor.attach(container)
    // Nothing is judged a second time: what stands now is started.
    const policy = { recreate: 'never', recreateDependencies: 'never', orphans: 'ignore', start: true } as const
    await converge(session.engine, project, {
      ...options,
      reconcile: { ...options.reconcile, ...policy, renewAnonymousVolumes: false },
      pull: 'missing',
      progress() {},
      warn() {},
      ask: () => Promise.resolve(false),
      signal,
      beforeStart,
    })
    monitor.complete()
    await stage.companion.open()
    await untilAborted(monitor.ended, signal)
    return { kind: 'ended' }
  } catch (error) {
    if (!signal.aborted) throw error
    return { kind: 'interrupted' }
  }
}

function announce(stage: Stage, containers: readonly { readonly name: string; readonly service: string }[]): void {
  const names = containers
    .filter((container) => stage.shown.has(container.service))
    .map((container) => toLogName(stage.project.name, container.service, container.name))
  for (const name of names) stage.sink.announce(name)
  stage.sink.note(`Attaching to ${names.join(', ')}`)
}

function makeSink(ctx: Context, flags: UpFlags, line: StatusLine): LogSink {
  const colour = flags['no-color'] ? false : hasColour(ctx)
  const painter = makeLogPainter({
    stdout: line.above(ctx.stdout),
    stderr: line.above(ctx.stderr),
    terminal: ctx.terminal,
    hasPrefix: !flags['no-log-prefix'],
    ...(colour !== undefined && { hasColour: colour }),
  })
  const sink = { ...painter, room: () => waitForRoom([ctx.stdout, ctx.stderr]) }
  return flags.timestamps ? withTimestamps(sink, ctx.clock) : sink
}

/** The last lines and exit notes of stopped containers, which may come a moment after the stop. */
const drainMs = 3000

async function drain(ctx: Context, monitor: Monitor): Promise<void> {
  const over = new AbortController()
  monitor.complete()
  await Promise.race([monitor.ended.catch(() => {}), ctx.clock.sleep(drainMs, over.signal).catch(() => {})])
  over.abort()
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  let onAbort: () => void = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
