import type { Run } from '../../cli/command.ts'
import { isAlive } from '../../compose/plan/observed.ts'
import { promptConfirm } from '../../ui/prompt.ts'
import type { rmFlags } from './lifecycle-table.ts'
import { containersOf, performVerb, withRoster } from './verb.ts'

export const run: Run<typeof rmFlags> = async (ctx, flags, args) => {
  if (flags.stop) await withRoster(ctx, args, (found) => performVerb(ctx, found, { kind: 'stop' }, args))
  await withRoster(ctx, args, async (found) => {
    const stopped = containersOf(found.roster, args).filter((container) => !isAlive(container))
    if (stopped.length === 0) {
      ctx.stderr.write('No stopped containers\n')
      return
    }
    const names = stopped.map((container) => container.name).join(', ')
    if (!flags.force) {
      const { stdin, stdout, signal } = ctx
      if (!(await promptConfirm(`Going to remove ${names} (y/N) `, { stdin, stdout, signal }))) return
    }
    await performVerb(ctx, found, { kind: 'remove', withVolumes: flags.volumes }, args)
  })
}
