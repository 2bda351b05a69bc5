import type { Run } from '../../cli/command.ts'
import type { verbFlags } from './lifecycle-table.ts'
import { readLock } from './project-lock-flags.ts'
import { performVerb, withRoster } from './verb.ts'

export const run: Run<typeof verbFlags> = (ctx, flags, args) =>
  withRoster(
    ctx,
    args,
    (found) => performVerb(ctx, found, { kind: 'pause' }, args, readLock(flags, 'docker-compose pause')),
    { isLenient: true, title: 'Pausing' },
  )
