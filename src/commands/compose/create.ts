import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { converge } from '../../compose/converge.ts'
import type { createFlags } from './up-table.ts'
import { resolveOutside } from './outside.ts'
import { withSession } from './session.ts'
import type { Session } from './session.ts'
import { requireProject } from './target.ts'
import { readYes, toConvergeOptions } from './up.ts'

export const run: Run<typeof createFlags> = async (ctx, flags, args) => {
  if (flags.build && flags['no-build']) {
    throw new FlotillaError('cli/usage', '--build and --no-build are incompatible')
  }
  if (flags['force-recreate'] && flags['no-recreate']) {
    throw new FlotillaError('cli/usage', '--force-recreate and --no-recreate are incompatible')
  }
  const written = await requireProject(ctx, args)
  const all = { ...flags, ...createOnly, yes: readYes(ctx, flags) }
  const outside = { services: args, withoutDependencies: false }
  if (flags.plan) {
    const { printPlan, readDisplay } = await import('./print-plan.ts')
    const display = readDisplay(all)
    const show = async (session: Session): Promise<number> => {
      const project = await resolveOutside(ctx, session, written, { ...outside, isPlan: true })
      return printPlan(ctx, session, project, toConvergeOptions(ctx, session, project, all, args), display)
    }
    return withSession(ctx, show, { isReadOnly: true })
  }
  return withSession(
    ctx,
    async (session) => {
      const project = await resolveOutside(ctx, session, written, { ...outside, isPlan: session.isDryRun })
      const options = toConvergeOptions(ctx, session, project, all, args)
      await converge(session.engine, project, options)
      return 0
    },
    { title: 'Creating' },
  )
}

/** What `up` has beyond `create`. */
const createOnly = {
  'no-start': true,
  'no-deps': false,
  'quiet-build': false,
  'always-recreate-deps': false,
  'renew-anon-volumes': false,
} as const
