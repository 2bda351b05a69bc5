import type { Context } from '../../cli/command.ts'
import { isSwitchedOn } from '../../core/env-switch.ts'
import { programVersion } from '../../core/program.ts'
import type { Progress, ProgressEvent } from '../../core/progress.ts'
import { openEngine } from '../../engine/client.ts'
import type { Endpoint } from '../../engine/endpoint.ts'
import type { Engine } from '../../engine/engine.ts'
import { endpointFromEnvironment } from '../../engine/environment.ts'
import { toReadOnly } from '../../engine/read-only.ts'
import type { Question } from '../../compose/plan/plan.ts'
import { toSteady } from '../../compose/steady-engine.ts'
import { readParallel } from './compose-env.ts'
import { readAnsi, readBuildProgress, readProgress } from './progress-flag.ts'
import { showSteps } from '../../ui/build-steps.ts'
import { chooseProgressMode, loadProgress } from '../../ui/progress.ts'
import type { ProgressPainter } from '../../ui/progress.ts'
import type { ProgressTitle } from '../../ui/progress-title.ts'
import { toDockerWords } from './engine-error.ts'

/** What a command that talks to an engine has in hand. */
export interface Session {
  readonly engine: Engine
  readonly progress: (event: ProgressEvent) => void
  readonly parallel: number
  readonly isDryRun: boolean
  /** Where the engine is. */
  readonly endpoint: Endpoint
  /** Ends the progress with a line under it. */
  closeProgress(text: string): void
  /** Takes the live picture away, so that other output can follow. Idempotent. */
  stopProgress(): void
}

export interface SessionOptions {
  /** Nothing is changed on the engine. */
  readonly isReadOnly?: boolean
  /** Over the live picture of progress; `Running`. */
  readonly title?: ProgressTitle
}

/** Opens the engine the flags and the environment choose, runs the body, and closes it again. */
export async function withSession<T>(
  ctx: Context,
  body: (session: Session) => Promise<T>,
  o: SessionOptions = {},
): Promise<T> {
  const chosen = await endpointFromEnvironment(ctx.env, readChoice(ctx))
  tellOnce(ctx, chosen.configProblem)
  const opened = openEngine(chosen.endpoint, {
    clock: ctx.clock,
    userAgent: `flotilla/${programVersion}`,
    env: ctx.env,
    ...(chosen.apiVersion !== undefined && { apiVersion: chosen.apiVersion }),
    ...(chosen.headers !== undefined && { headers: chosen.headers }),
  })
  const engine = toSteady(opened, ctx.clock)
  const isDryRun = ctx.globals['dry-run'] === true
  let painter: ProgressPainter | undefined
  let takeStep: Progress | undefined
  try {
    const openPainter = await preparePainter(ctx, isDryRun, o.title)
    return await body({
      engine: isDryRun || o.isReadOnly === true ? toReadOnly(engine) : engine,
      isDryRun,
      endpoint: chosen.endpoint,
      parallel: readParallel(ctx),
      progress(event) {
        painter ??= openPainter()
        if (event.isBuildStep !== true) return painter.emit(event)
        takeStep ??= showSteps(painter, readBuildProgress(ctx))
        takeStep(event)
      },
      closeProgress(line) {
        painter ??= openPainter()
        painter.stop()
        painter.tail(line)
      },
      stopProgress() {
        painter?.stop()
      },
    })
  } catch (error) {
    throw toDockerWords(error, chosen.endpoint, ctx.personality)
  } finally {
    painter?.stop()
    await engine.close()
  }
}

const told = new WeakSet<Context>()

/** In the words of the docker CLI, which goes on as well. Some commands open several sessions. */
function tellOnce(ctx: Context, problem: string | undefined): void {
  if (problem === undefined || told.has(ctx)) return
  told.add(ctx)
  ctx.stderr.write(`WARNING: ${problem}\n`)
}

/** Progress for a command that works without an engine. */
export async function withProgress<T>(
  ctx: Context,
  body: (progress: (event: ProgressEvent) => void) => Promise<T>,
  title: ProgressTitle,
): Promise<T> {
  const openPainter = await preparePainter(ctx, ctx.globals['dry-run'] === true, title)
  let painter: ProgressPainter | undefined
  try {
    return await body((event) => {
      painter ??= openPainter()
      painter.emit(event)
    })
  } finally {
    painter?.stop()
  }
}

/** Nothing is painted before the first event. */
async function preparePainter(
  ctx: Context,
  isDryRun: boolean,
  title: ProgressTitle = 'Running',
): Promise<() => ProgressPainter> {
  const isStdout = isSwitchedOn(ctx.env['COMPOSE_STATUS_STDOUT'])
  const asked = readProgress(ctx)
  const ansi = readAnsi(ctx)
  const isTty = isStdout ? ctx.terminal.isTty : ctx.terminal.isStderrTty
  // Forced, pictures go into pipes too.
  const isAble = isTty && ansi !== 'never' && ctx.env['TERM'] !== 'dumb'
  const mode = chooseProgressMode(asked, ansi === 'always' || isAble)
  const options = {
    stream: isStdout ? ctx.stdout : ctx.stderr,
    terminal: ctx.terminal,
    clock: ctx.clock,
    title,
    ...(isDryRun && { prefix: 'DRY-RUN MODE - ' }),
    ...(hasColour(ctx) !== undefined && { hasColour: hasColour(ctx) === true }),
  }
  const start = await loadProgress(mode)
  return () => start(options)
}

/** What `--ansi` says about colour; undefined leaves it to the terminal. */
export function hasColour(ctx: Context): boolean | undefined {
  const ansi = readAnsi(ctx)
  return ansi === 'always' ? true : ansi === 'never' ? false : undefined
}

/** Asks on the terminal; with `--yes` nothing is asked. The end of the input is no. */
export function askUser(ctx: Context, session: Session, isYes: boolean): (question: Question) => Promise<boolean> {
  return async (question) => {
    if (isYes) return true
    session.stopProgress()
    // Node's line reader is a tenth of what a short command loads.
    const { promptConfirm } = await import('../../ui/prompt.ts')
    const { stdin, stdout, stderr, signal } = ctx
    // docker/compose cmd/prompt: from a pipe the bare question, among the output.
    if (!ctx.terminal.isStdinTty) return promptConfirm(question.text, { stdin, stdout, signal })
    return promptConfirm(`${question.text} (y/N) `, { stdin, stdout: stderr, signal })
  }
}

function readChoice(ctx: Context): Parameters<typeof endpointFromEnvironment>[1] {
  const { globals } = ctx
  const choice = {
    host: text(globals['host']),
    context: text(globals['context']),
    caFile: text(globals['tlscacert']),
    certFile: text(globals['tlscert']),
    keyFile: text(globals['tlskey']),
    isTls: globals['tls'] === true ? true : undefined,
    isVerified: globals['tlsverify'] === true ? true : undefined,
  }
  return Object.fromEntries(Object.entries(choice).filter(([, value]) => value !== undefined))
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
