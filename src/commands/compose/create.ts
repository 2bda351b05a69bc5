import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { converge } from '../../compose/converge.ts'
import type { createFlags } from './lifecycle-table.ts'
import { withSession } from './session.ts'
import { requireProject } from './target.ts'
import { printPlan, toConvergeOptions } from './up.ts'

export const run: Run<typeof createFlags> = async (ctx, flags, args) => {
  if (flags.build && flags['no-build']) {
    throw new FlotillaError('cli/usage', '--build and --no-build are incompatible')
  }
  if (flags['force-recreate'] && flags['no-recreate']) {
    throw new FlotillaError('cli/usage', '--force-recreate and --no-recreate are incompatible')
  }
  const project = await requireProject(ctx, args)
  return withSession(ctx, async (session) => {
    const options = toConvergeOptions(ctx, session, project, { ...flags, ...createOnly }, args)
    if (flags.plan) return printPlan(ctx, session, project, options)
    await converge(session.engine, project, options)
    return 0
  })
}

/** What `up` has beyond `create`. */
const createOnly = {
  'no-start': true,
  'no-deps': false,
  'quiet-build': false,
  'always-recreate-deps': false,
  'renew-anon-volumes': false,
} as const
