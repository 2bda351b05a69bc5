import type { Run } from '../../cli/command.ts'
import { reportPlan } from '../../compose/report-plan.ts'
import { execute } from '../../compose/execute.ts'
import { planPushes } from '../../compose/plan/image-plan.ts'
import { selectServices } from '../../compose/plan/selection.ts'
import type { ProgressEvent } from '../../core/progress.ts'
import { readAuth } from './build-host.ts'
import type { pushFlags } from './image-table.ts'
import { withSession } from './session.ts'
import { requireProject } from './target.ts'

export const run: Run<typeof pushFlags> = async (ctx, flags, args) => {
  const project = await requireProject(ctx, args)
  const { services } = selectServices(project, args, args.length > 0 && !flags['include-deps'])
  return withSession(
    ctx,
    async (session) => {
      const progress = (event: ProgressEvent): void => {
        if (!flags.quiet) session.progress(event)
      }
      const plan = planPushes(services, flags['ignore-push-failures'])
      for (const { name, image = '', build, provider } of services) {
        if (provider !== undefined || (build !== undefined && image !== '')) continue
        progress({ id: name, status: 'done', text: 'Skipped', isTransfer: true })
      }
      if (session.isDryRun) {
        reportPlan(plan, progress)
        return 0
      }
      const { parallel } = session
      const registryAuth = (reference: string): Promise<string | undefined> => readAuth(ctx, reference)
      await execute(plan, session.engine, { clock: ctx.clock, progress, parallel, registryAuth, signal: ctx.signal })
      return 0
    },
    { title: 'Pushing' },
  )
}
