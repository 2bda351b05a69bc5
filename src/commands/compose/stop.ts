import type { Run } from '../../cli/command.ts'
import type { stopFlags } from './lifecycle-table.ts'
import { endProviders } from './outside.ts'
import { readLock } from './project-lock-flags.ts'
import { performVerb, withRoster } from './verb.ts'

export const run: Run<typeof stopFlags> = (ctx, flags, args) => {
  const timeout = flags.timeout === undefined ? {} : { timeoutSeconds: flags.timeout }
  return withRoster(ctx, args, async (found) => {
    await performVerb(ctx, found, { kind: 'stop', ...timeout }, args, readLock(flags, 'docker-compose stop'))
    await endProviders(ctx, found.session, found.project, args, 'stop')
  })
}
