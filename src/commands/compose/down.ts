import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { reportPlan, toObserveRequest } from '../../compose/converge.ts'
import { execute } from '../../compose/execute.ts'
import { observe } from '../../compose/observe.ts'
import { planDown } from '../../compose/plan/down.ts'
import { toImageReference } from '../../compose/translate/name.ts'
import type { downFlags } from './lifecycle-table.ts'
import { endProviders } from './outside.ts'
import { isTrue, withSession } from './session.ts'
import { requireTarget } from './target.ts'

export const run: Run<typeof downFlags> = async (ctx, flags, args) => {
  const images = flags.rmi
  if (images !== undefined && images !== 'all' && images !== 'local') {
    throw new FlotillaError('cli/invalid-value', `invalid value for --rmi: "${images}"`)
  }
  const { name, project } = await requireTarget(ctx, args)
  const isIgnoring = isTrue(ctx.env['COMPOSE_IGNORE_ORPHANS'])
  if (flags['remove-orphans'] && isIgnoring && flags.given('remove-orphans')) {
    throw new FlotillaError('cli/usage', 'cannot combine COMPOSE_IGNORE_ORPHANS and --remove-orphans')
  }
  await withSession(ctx, async (session) => {
    const references =
      project === undefined || images === undefined
        ? []
        : Object.values(project.services).map((service) => toImageReference(project, service))
    const request = project === undefined ? { project: name } : toObserveRequest(project, references)
    const observed = await observe(session.engine, request, { signal: ctx.signal })
    const plan = planDown(observed, {
      projectName: name,
      ...(project !== undefined && { project }),
      services: args,
      removeOrphans: flags['remove-orphans'],
      removeVolumes: flags.volumes,
      ...(images !== undefined && { removeImages: images }),
      ...(flags.timeout !== undefined && { timeoutSeconds: flags.timeout }),
    })
    const hasProvider = Object.values(project?.services ?? {}).some((service) => service.provider !== undefined)
    for (const warning of hasProvider ? [] : plan.warnings) ctx.stderr.write(`${warning}\n`)
    if (session.isDryRun) return reportPlan(plan, session.progress)
    const { engine, progress, parallel } = session
    await execute(plan, engine, { clock: ctx.clock, progress, parallel, signal: ctx.signal })
    await endProviders(ctx, session, project, args, 'down')
    return undefined
  })
}
