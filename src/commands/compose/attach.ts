import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { inspectContainer } from '../../engine/api/containers.ts'
import { attachContainer, resizeContainer } from '../../engine/api/streams.ts'
import type { ContainerInspect } from '../../engine/api/types.ts'
import { joinStreams, checkTerminal } from './attached-streams.ts'
import { forwardSignals, watchExit } from './container-session.ts'
import { chooseDetachKeys } from './detach.ts'
import { findContainer, requireArguments } from './one-container.ts'
import type { attachFlags } from './process-table.ts'
import { withSession } from './session.ts'
import type { Session } from './session.ts'
import { requireTarget } from './target.ts'

const interruptedExitCode = 130

type AttachFlags = Parameters<typeof run>[1]

/**
 * Ends with the exit code of the container; as docker-compose 2.40 with 130 when we were interrupted, whatever the
 * container made of it, and with 1 when it is left running.
 */
export const run: Run<typeof attachFlags> = async (ctx, flags, args) => {
  requireArguments(args, 1)
  const [service = ''] = args
  const { name: project } = await requireTarget(ctx, [])
  return withSession(ctx, async (session) => {
    const container = await findContainer(ctx, session, { project, service, index: flags.index })
    if (session.isDryRun) {
      throw new FlotillaError('cli/usage', 'interactive run is not supported in dry-run mode')
    }
    return join(ctx, session, container.id, flags)
  })
}

async function join(ctx: Context, { engine }: Session, id: string, flags: AttachFlags): Promise<number> {
  const keys = await chooseDetachKeys(ctx, flags['detach-keys'])
  const call = { signal: ctx.signal }
  const { State: state, Config: config } = await inspectContainer(engine, id, {}, call)
  checkState(state)
  const isTty = config.Tty === true
  const hasStdin = !flags['no-stdin'] && config.OpenStdin === true
  checkTerminal(ctx, isTty, hasStdin)
  const exit = watchExit(ctx, engine, id, 'next-exit')
  await exit.ready
  const signals = flags['sig-proxy'] ? forwardSignals(ctx, engine, id) : undefined
  const never = new Promise<never>(() => {})
  try {
    const stream = await attachContainer(engine, id, { stdin: hasStdin, tty: isTty, detachKeys: keys.text }, call)
    const joining = joinStreams(ctx, stream, {
      hasStdin,
      isTty,
      detachKeys: keys.bytes,
      resize: (size) => resizeContainer(engine, id, size, call),
    })
    const forced = signals?.forced ?? never
    const ending = await Promise.race([joining, forced])
    if (ending === 'detached') throw new FlotillaError('cli/cancelled', 'read escape sequence', { exitCode: 1 })
    const code = await Promise.race([exit.code, forced])
    return signals?.endInterrupted() === true ? interruptedExitCode : code
  } finally {
    signals?.release()
  }
}

/** @throws {compose/execute} in the words of docker */
function checkState(state: ContainerInspect['State']): void {
  const refusal = !state.Running
    ? 'You cannot attach to a stopped container, start it first'
    : state.Paused
      ? 'You cannot attach to a paused container, unpause it first'
      : state.Restarting
        ? 'You cannot attach to a restarting container, wait until it is running'
        : undefined
  if (refusal !== undefined) throw new FlotillaError('compose/execute', refusal)
}
