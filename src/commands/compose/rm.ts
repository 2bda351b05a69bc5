import type { Run } from '../../cli/command.ts'
import { isAlive } from '../../compose/plan/observed.ts'
import { onlyContainers } from '../../compose/plan/dependency.ts'
import type { Roster } from '../../compose/plan/dependency.ts'
import { planVerb } from '../../compose/plan/verbs.ts'
import { promptConfirm } from '../../ui/prompt.ts'
import type { rmFlags } from './lifecycle-table.ts'
import { readLock } from './project-lock-flags.ts'
import { containersOf, performPlan, performVerb, withRoster } from './verb.ts'
import type { Found } from './verb.ts'

export const run: Run<typeof rmFlags> = async (ctx, flags, args) => {
  const lock = readLock(flags, 'docker-compose rm')
  const lenient = { isLenient: true } as const
  if (flags.stop) {
    const stop = (found: Found): Promise<void> => performVerb(ctx, found, { kind: 'stop' }, args, lock)
    await withRoster(ctx, args, stop, { ...lenient, title: 'Stopping' })
  }
  const remove = async (seen: Found): Promise<void> => {
    // A dry run has stopped nothing: what it would have stopped is removed in what it shows.
    const found = flags.stop && seen.session.isDryRun ? withAllStopped(seen) : seen
    const stopped = containersOf(found.roster, args).filter((container) => !container.isOneOff && !isAlive(container))
    if (stopped.length === 0) {
      ctx.stderr.write('No stopped containers\n')
      return
    }
    const { stdin, stdout, signal } = ctx
    // As 2.40, in the order of the engine's list; what was made in one second is likely to be made in ours.
    const newestFirst = [...stopped].reverse().sort((a, b) => b.createdAtMs - a.createdAtMs)
    const intent = `Going to remove ${newestFirst.map((container) => container.name).join(', ')}`
    if (flags.force) stdout.write(`${intent}\n`)
    else if (!(await promptConfirm(ctx.terminal.isStdinTty ? `${intent} (y/N) ` : intent, { stdin, stdout, signal })))
      return
    // Nobody waits for a lock while a person thinks. What another command has made meanwhile is not what was agreed to.
    const agreed = new Set(stopped.map((container) => container.id))
    await performPlan(ctx, found, lock, (roster) =>
      planVerb({ kind: 'remove', withVolumes: flags.volumes }, onlyContainers(roster, agreed), args),
    )
  }
  await withRoster(ctx, args, remove, { ...lenient, title: 'Removing' })
}

function withAllStopped(found: Found): Found {
  const stop = (roster: Roster): Roster => ({
    ...roster,
    containers: new Map(
      [...roster.containers].map(([service, all]) => [
        service,
        all.map((container) => ({ ...container, state: 'exited' as const })),
      ]),
    ),
  })
  return { ...found, roster: stop(found.roster), look: async (signal) => stop(await found.look(signal)) }
}
