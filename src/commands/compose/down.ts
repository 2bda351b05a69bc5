import type { Run } from '../../cli/command.ts'
import { isSwitchedOn } from '../../core/env-switch.ts'
import { FlotillaError } from '../../core/errors.ts'
import { toObserveRequest } from '../../compose/converge.ts'
import { toClassicImages } from '../../compose/legacy/classic-image.ts'
import { reportPlan } from '../../compose/report-plan.ts'
import { execute } from '../../compose/execute.ts'
import { observe } from '../../compose/observe.ts'
import { observeBuiltImages } from '../../compose/observe-images.ts'
import { isClusterEndpoint, paceOf } from '../../compose/pace.ts'
import { planDown } from '../../compose/plan/down.ts'
import type { DownOptions } from '../../compose/plan/down.ts'
import type { Observed } from '../../compose/plan/observed.ts'
import type { Plan } from '../../compose/plan/plan.ts'
import { toImageReference } from '../../compose/translate/name.ts'
import { readChanging } from './change-pace.ts'
import { composeEnv } from './compose-env.ts'
import type { downFlags } from './up-table.ts'
import { endProviders } from './outside.ts'
import { withSession } from './session.ts'
import { requireTarget } from './target.ts'
import { readLock } from './project-lock-flags.ts'

export const run: Run<typeof downFlags> = async (ctx, flags, args) => {
  // An empty word is none: a script's variable that is not set.
  const images = flags.rmi === '' ? undefined : flags.rmi
  if (images !== undefined && images !== 'all' && images !== 'local') {
    throw new FlotillaError('cli/invalid-value', `invalid value for --rmi: "${images}"`)
  }
  const { name, project } = await requireTarget(ctx, args)
  const isIgnoring = isSwitchedOn(composeEnv(ctx)['COMPOSE_IGNORE_ORPHANS'])
  if (flags['remove-orphans'] && isIgnoring && flags.given('remove-orphans')) {
    throw new FlotillaError('cli/usage', 'cannot combine COMPOSE_IGNORE_ORPHANS and --remove-orphans')
  }
  const display = flags.plan ? (await import('./print-plan.ts')).readDisplay(flags) : undefined
  return withSession(
    ctx,
    async (session) => {
      const references =
        project === undefined || images === undefined
          ? []
          : [
              ...Object.values(project.services).map((service) => toImageReference(project, service)),
              ...toClassicImages(project, Object.values(project.services)),
            ]
      const request = project === undefined ? { project: name } : toObserveRequest(project, references)
      const look = async (signal: AbortSignal | undefined): Promise<{ observed: Observed; plan: Plan }> => {
        const call = signal === undefined ? {} : { signal }
        const [seen, built] = await Promise.all([
          observe(session.engine, request, call),
          images === undefined ? [] : observeBuiltImages(session.engine, name, call),
        ])
        const options: DownOptions = {
          projectName: name,
          ...(project !== undefined && { project }),
          services: args,
          removeOrphans: flags['remove-orphans'],
          removeVolumes: flags.volumes,
          ...(images !== undefined && { removeImages: images, built }),
          ...(flags.timeout !== undefined && { timeoutSeconds: flags.timeout }),
        }
        return { observed: seen, plan: planDown(seen, options) }
      }
      const { observed, plan } = await look(ctx.signal)
      if (display !== undefined) {
        const { printDocument } = await import('./print-plan.ts')
        const { describePlan } = await import('../../compose/plan/document/document.ts')
        const pulls = { steps: [], settled: [], warnings: [] }
        return printDocument(ctx, describePlan({ project: name, plan, pulls, observed, fields: new Map() }), display)
      }
      const hasProvider = Object.values(project?.services ?? {}).some((service) => service.provider !== undefined)
      for (const warning of hasProvider ? [] : plan.warnings) ctx.log.warn(warning)
      if (session.isDryRun) {
        reportPlan(plan, session.progress)
        return 0
      }
      const { engine, progress, parallel } = session
      const changing = readChanging(ctx, session.endpoint)
      const carryOut = async (now: Plan, signal: AbortSignal | undefined): Promise<void> => {
        const call = signal === undefined ? {} : { signal }
        const pace = await paceOf(now, changing, () => isClusterEndpoint(engine, call))
        await execute(now, engine, { clock: ctx.clock, progress, parallel, ...pace, ...call })
      }
      const { lock } = readLock(flags, 'docker-compose down')
      if (lock === undefined) await carryOut(plan, ctx.signal)
      else {
        const { isLockLeft, withProjectLock } = await import('../../compose/lock/project-lock.ts')
        const how = { clock: ctx.clock, warn: (text: string) => ctx.log.warn(text), signal: ctx.signal, ...lock }
        // What a killed command has left is removed by who takes its lock.
        if (plan.steps.length > 0 || (await isLockLeft(engine, name, { signal: ctx.signal }))) {
          await withProjectLock(engine, name, how, async (signal) => carryOut((await look(signal)).plan, signal))
        }
      }
      await endProviders(ctx, session, project, args, 'down')
      return 0
    },
    { isReadOnly: display !== undefined },
  )
}
