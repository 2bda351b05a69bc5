import type { Run } from '../../cli/command.ts'
import { withDependents } from '../../compose/plan/dependency.ts'
import { planVerb } from '../../compose/plan/verbs.ts'
import type { restartFlags } from './lifecycle-table.ts'
import { readLock } from './project-lock-flags.ts'
import { performPlan, withRoster } from './verb.ts'

export const run: Run<typeof restartFlags> = (ctx, flags, args) => {
  const timeout = flags.timeout === undefined ? {} : { timeoutSeconds: flags.timeout }
  return withRoster(
    ctx,
    args,
    (found) =>
      performPlan(ctx, found, readLock(flags, 'docker-compose restart'), (roster) => {
        // Services that ask for it are restarted with what they depend on.
        const services = flags['no-deps'] ? args : withDependents(roster, args, ({ restart }) => restart === true)
        return planVerb({ kind: 'restart', ...timeout }, roster, [...services])
      }),
    { title: 'Restarting' },
  )
}
