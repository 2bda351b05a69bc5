import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { goQuote } from '../../core/goquote.ts'
import { createExec, inspectExec, resizeExec, startExec, startExecDetached } from '../../engine/api/exec.ts'
import type { Engine } from '../../engine/engine.ts'
import type { execFlags } from './process-table.ts'
import { findContainer, requireArguments } from './one-container.ts'
import { withSession } from './session.ts'
import { requireTarget } from './target.ts'

type ExecFlags = Parameters<typeof run>[1]

export const run: Run<typeof execFlags> = async (ctx, flags, args) => {
  requireArguments(args, 2)
  const [service = '', ...command] = args
  const { name: project } = await requireTarget(ctx, [])
  return withSession(ctx, async (session) => {
    const container = await findContainer(ctx, session, { project, service, index: flags.index })
    if (session.isDryRun) {
      if (flags.detach) {
        // The words of docker-compose 2.40 (pkg/dryrun), as Go quotes a list.
        const words = command.map((word) => goQuote(word)).join(' ')
        ctx.stdout.write(` DRY-RUN MODE - Executing command [${words}] in ${container.id} (detached mode)\n`)
        return 0
      }
      throw new FlotillaError('cli/usage', 'interactive exec is not supported in dry-run mode')
    }
    return flags.detach
      ? runDetached(ctx, session.engine, container.id, flags, command)
      : runJoined(ctx, session.engine, container.id, flags, command)
  })
}

async function runDetached(
  ctx: Context,
  engine: Engine,
  container: string,
  flags: ExecFlags,
  command: readonly string[],
): Promise<number> {
  const call = { signal: ctx.signal }
  const { Id: id } = await createExec(engine, container, { ...toBody(ctx, flags, command), Tty: false }, call)
  await startExecDetached(engine, id, {}, call)
  return 0
}

async function runJoined(
  ctx: Context,
  engine: Engine,
  container: string,
  flags: ExecFlags,
  command: readonly string[],
): Promise<number> {
  const call = { signal: ctx.signal }
  const isTty = wantsTerminal(ctx, flags)
  const hasStdin = flags.interactive
  const [{ joinStreams }, keys] = await Promise.all([
    import('./attached-streams.ts'),
    isTty ? readDetachKeys(ctx) : { bytes: new Uint8Array(), text: undefined },
  ])
  const { Id: id } = await createExec(
    engine,
    container,
    {
      ...toBody(ctx, flags, command),
      AttachStdin: hasStdin,
      AttachStdout: true,
      AttachStderr: true,
      Tty: isTty,
      ...(keys.text !== undefined && { DetachKeys: keys.text }),
    },
    call,
  )
  const stream = await startExec(engine, id, { tty: isTty, ...(isTty && sizeOf(ctx)) }, call)
  const ending = await joinStreams(ctx, stream, {
    hasStdin,
    isTty,
    detachKeys: keys.bytes,
    resize: (size) => resizeExec(engine, id, size, call),
  })
  // Nobody knows how the command will end.
  if (ending === 'detached') throw new FlotillaError('cli/cancelled', 'read escape sequence', { exitCode: 1 })
  return readExitCode(ctx, engine, id)
}

/** With the start it is there before the first line is printed (API 1.42; an older engine passes over it). */
function sizeOf({ terminal }: Context): { readonly consoleSize: readonly [number, number] } | false {
  return (terminal.isTty || terminal.isStderrTty) && { consoleSize: [terminal.rows(), terminal.columns()] }
}

async function readDetachKeys(ctx: Context): Promise<{ readonly bytes: Uint8Array; readonly text: string }> {
  const { chooseDetachKeys } = await import('./detach.ts')
  return chooseDetachKeys(ctx, undefined)
}

/** A terminal needs one on both sides. Unlike the reference program ours is content with a pipe for input. */
function wantsTerminal(ctx: Context, flags: ExecFlags): boolean {
  if (flags['no-tty']) return false
  if (flags.given('no-tty')) return true
  return ctx.terminal.isTty && (ctx.terminal.isStdinTty || !flags.interactive)
}

function toBody(ctx: Context, flags: ExecFlags, command: readonly string[]): Parameters<typeof createExec>[2] {
  return {
    Cmd: command,
    Privileged: flags.privileged,
    Env: flags.env.map((entry) => withValue(entry, ctx.env)),
    ...(flags.user !== undefined && { User: flags.user }),
    ...(flags.workdir !== undefined && { WorkingDir: flags.workdir }),
  }
}

/**
 * `KEY` alone takes the value it has here; one that has none takes the variable away.
 *
 * @throws {cli/invalid-value} for a variable without a name, before anything is asked of the engine
 */
function withValue(entry: string, env: Context['env']): string {
  if (entry === '' || entry.startsWith('=')) {
    throw new FlotillaError('cli/invalid-value', `invalid environment variable: ${entry}`)
  }
  const value = entry.includes('=') ? undefined : env[entry]
  return value === undefined ? entry : `${entry}=${value}`
}

const firstPauseMs = 10
const longestPauseMs = 500

/** The output may end before the process does, and the engine may note the end a moment later. */
async function readExitCode(ctx: Context, engine: Engine, id: string): Promise<number> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    const { ExitCode: code, Running: isRunning } = await inspectExec(engine, id, { signal: ctx.signal })
    if (!isRunning && code !== null) return code
    await ctx.clock.sleep(pauseMs, ctx.signal)
  }
}
