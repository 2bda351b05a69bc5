import type { Run } from '../../cli/command.ts'
import { withDependents } from '../../compose/plan/dependency.ts'
import type { restartFlags } from './lifecycle-table.ts'
import { performVerb, withRoster } from './verb.ts'

export const run: Run<typeof restartFlags> = (ctx, flags, args) => {
  const timeout = flags.timeout === undefined ? {} : { timeoutSeconds: flags.timeout }
  return withRoster(ctx, args, (found) => {
    // Services that ask for it are restarted with what they depend on.
    const services = flags['no-deps'] ? args : withDependents(found.roster, args, ({ restart }) => restart === true)
    return performVerb(ctx, found, { kind: 'restart', ...timeout }, [...services])
  })
}
