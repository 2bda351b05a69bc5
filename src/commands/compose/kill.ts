import type { Run } from '../../cli/command.ts'
import { isAlive } from '../../compose/plan/observed.ts'
import type { killFlags } from './lifecycle-table.ts'
import { containersOf, performVerb, withRoster } from './verb.ts'

/**
 * Waits for no lock: it ends what runs, also while another command hangs, and makes and removes nothing.
 * With `--remove-orphans` containers of services the files no longer have are killed too, as in
 * the reference program.
 */
export const run: Run<typeof killFlags> = (ctx, flags, args) =>
  withRoster(
    ctx,
    args,
    async (found) => {
      if (!containersOf(found.roster, args).some(isAlive)) {
        ctx.stderr.write('no container to kill\n')
        return
      }
      await performVerb(ctx, found, { kind: 'kill', signal: flags.signal }, args, {})
    },
    { hasOrphans: flags['remove-orphans'] && args.length === 0, isLenient: true, title: 'Killing' },
  )
