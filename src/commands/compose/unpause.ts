import type { Run } from '../../cli/command.ts'
import type { noFlags } from './lifecycle-table.ts'
import { performVerb, withRoster } from './verb.ts'

export const run: Run<typeof noFlags> = (ctx, _flags, args) =>
  withRoster(ctx, args, (found) => performVerb(ctx, found, { kind: 'unpause' }, args))
