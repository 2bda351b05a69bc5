import type { Run } from '../../cli/command.ts'
import type { planFlags } from './plan-table.ts'
import { resolveOutside } from './outside.ts'
import { printPlan, readPlanFormat } from './print-plan.ts'
import { withSession } from './session.ts'
import { requireProject } from './target.ts'
import { findRecreateConflict } from './up-options.ts'
import { removesOrphans } from './compose-env.ts'
import { defaultCreation, toConvergeOptions } from './up.ts'
import { FlotillaError } from '../../core/errors.ts'

export const run: Run<typeof planFlags> = async (ctx, flags, args) => {
  const conflict = findRecreateConflict(flags)
  if (conflict !== undefined) throw new FlotillaError('cli/usage', conflict)
  const format = readPlanFormat(flags.format)
  const written = await requireProject(ctx, args)
  const body = { isReadOnly: true }
  return withSession(
    ctx,
    async (session) => {
      const outside = { services: args, withoutDependencies: flags['no-deps'], isPlan: true }
      const project = await resolveOutside(ctx, session, written, outside)
      const all = { ...defaultCreation, ...flags, 'remove-orphans': removesOrphans(ctx, flags) }
      const options = toConvergeOptions(ctx, session, project, all, args)
      return printPlan(ctx, session, project, options, {
        format,
        hasExitCode: flags['detailed-exitcode'],
        hasSteps: flags.steps,
        isYes: flags.yes,
      })
    },
    body,
  )
}
