import type { Run } from '../../cli/command.ts'
import type { stopFlags } from './lifecycle-table.ts'
import { performVerb, withRoster } from './verb.ts'

export const run: Run<typeof stopFlags> = (ctx, flags, args) => {
  const timeout = flags.timeout === undefined ? {} : { timeoutSeconds: flags.timeout }
  return withRoster(ctx, args, (found) => performVerb(ctx, found, { kind: 'stop', ...timeout }, args))
}
