import type { Run } from '../../cli/command.ts'
import { reportPlan } from '../../compose/report-plan.ts'
import { execute } from '../../compose/execute.ts'
import { observeImages } from '../../compose/observe-images.ts'
import type { Step } from '../../compose/plan/plan.ts'
import { planPullCommand } from '../../compose/plan/pull-command.ts'
import { selectServices } from '../../compose/plan/selection.ts'
import { toImageReference } from '../../compose/translate/name.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { ProgressEvent } from '../../core/progress.ts'
import { readAuth } from './build-host.ts'
import type { pullFlags } from './image-table.ts'
import { withSession } from './session.ts'
import { requireProject } from './target.ts'

export const run: Run<typeof pullFlags> = async (ctx, flags, args) => {
  const { policy = '' } = flags
  if (policy !== '' && policy !== 'missing' && policy !== 'always') {
    throw new FlotillaError('cli/invalid-value', `invalid --policy option "${policy}"; it is missing or always`)
  }
  const project = await requireProject(ctx, args)
  const { services } = selectServices(project, args, args.length > 0 && !flags['include-deps'])
  return withSession(
    ctx,
    async (session) => {
      const references = services.map((service) => toImageReference(project, service))
      const images = await observeImages(session.engine, references, { signal: ctx.signal })
      const { plan, skipped } = planPullCommand(services, project.environment, images, {
        ...(policy !== '' && { policy }),
        isIgnoringBuildable: flags['ignore-buildable'],
        isIgnoringFailures: flags['ignore-pull-failures'],
      })
      for (const { service, why } of skipped) {
        session.progress({ id: service, status: 'done', text: `Skipped - ${why}`, isTransfer: true })
      }
      if (session.isDryRun) {
        reportPlan(plan, session.progress)
        return 0
      }
      const failed = new Map<string, FlotillaError>()
      const progress = (event: ProgressEvent): void => {
        if (!flags.quiet || event.parentId === undefined) session.progress(event)
      }
      const { parallel } = session
      const registryAuth = (reference: string): Promise<string | undefined> => readAuth(ctx, reference)
      const onWaived = (step: Step, failure: FlotillaError): void => void failed.set(step.resource, failure)
      const common = { clock: ctx.clock, progress, parallel, registryAuth, signal: ctx.signal }
      await execute(plan, session.engine, { ...common, onWaived })
      session.stopProgress()
      const toBuild = services.filter((service) => service.build !== undefined && failed.has(service.name))
      if (toBuild.length > 0) {
        const names = toBuild.map((service) => service.name).join(' ')
        session.closeProgress(
          `WARNING: Some service image(s) must be built from source by running:\n    docker compose build ${names}`,
        )
      }
      const failures = [...failed.values()]
      if (failures.length > 0 && !flags['ignore-pull-failures']) {
        throw new FlotillaError('compose/execute', failures.map(({ message }) => message).join('\n'))
      }
      return 0
    },
    { title: 'Pulling' },
  )
}
