import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { observeContainers } from '../../compose/observe.ts'
import type { ObservedContainer } from '../../compose/plan/observed.ts'
import { waitContainer } from '../../engine/api/containers.ts'
import type { Engine } from '../../engine/engine.ts'
import type { waitFlags } from './process-table.ts'
import { withSession } from './session.ts'
import { requireTarget } from './target.ts'

/** What the reference program ends with when a wait itself failed. */
const failedExitCode = 42

/** Ends with the exit code of the container that ended last; with `--down-project` of the first. */
export const run: Run<typeof waitFlags> = async (ctx, flags, args) => {
  if (args.length === 0) {
    throw new FlotillaError('cli/usage', "docker: 'docker compose wait' requires at least 1 argument", {
      hint: 'wait SERVICE [SERVICE...]',
    })
  }
  const target = await requireTarget(ctx, [])
  return withSession(ctx, async (session) => {
    const { engine } = session
    const all = await observeContainers(engine, target.name, { signal: ctx.signal })
    const containers = all.filter((container) => !container.isOneOff && args.includes(container.service))
    if (containers.length === 0) {
      throw new FlotillaError('compose/not-found', `no containers for project "${target.name}"`)
    }
    const codes: number[] = []
    const waits = containers.map(async (container) => {
      const code = await waitFor(ctx, engine, container)
      codes.push(code)
      ctx.stdout.write(`container "${container.id}" exited with status code ${code}\n`)
    })
    // How a wait ends that nobody waits for any more is of no interest.
    for (const wait of waits) wait.catch(() => {})
    await (flags['down-project'] ? Promise.race(waits) : Promise.all(waits))
    const code = codes.at(flags['down-project'] ? 0 : -1) ?? 0
    if (flags['down-project']) await takeDown(ctx)
    return code
  })
}

/** As `down --remove-orphans` does. */
async function takeDown(ctx: Context): Promise<void> {
  const { run: down } = await import('./down.ts')
  const unasked = { rmi: undefined, timeout: undefined, volumes: false, plan: false, 'detailed-exitcode': false }
  const lock = { 'lock-timeout': undefined, 'no-lock': false, 'plan-format': 'text' }
  const flags = { 'remove-orphans': true, ...unasked, ...lock }
  await down(ctx, { ...flags, given: () => false }, [])
}

/** @throws with exit code 42 when the engine does not say how it ended */
async function waitFor(ctx: Context, engine: Engine, container: ObservedContainer): Promise<number> {
  try {
    return (await waitContainer(engine, container.id, {}, { signal: ctx.signal })).StatusCode
  } catch (error) {
    if (ctx.signal.aborted) throw error
    const text = `cannot wait for container ${container.name}: ${toMessage(error)}`
    throw new FlotillaError('compose/execute', text, { cause: error, exitCode: failedExitCode })
  }
}
