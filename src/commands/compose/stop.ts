import type { Run } from '../../cli/command.ts'
import type { stopFlags } from './lifecycle-table.ts'
import { endProviders } from './outside.ts'
import { readLock } from './project-lock-flags.ts'
import { performVerb, withRoster } from './verb.ts'
import type { Found } from './verb.ts'

export const run: Run<typeof stopFlags> = (ctx, flags, args) => {
  const timeout = flags.timeout === undefined ? {} : { timeoutSeconds: flags.timeout }
  const stop = async (found: Found): Promise<void> => {
    await performVerb(ctx, found, { kind: 'stop', ...timeout }, args, readLock(flags, 'docker-compose stop'))
    await endProviders(ctx, found.session, found.project, args, 'stop')
  }
  return withRoster(ctx, args, stop, { isLenient: true, title: 'Stopping' })
}
