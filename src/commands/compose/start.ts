import type { Run } from '../../cli/command.ts'
import { isWithoutContainers, missingDependencies, withDependencies } from '../../compose/plan/dependency.ts'
import { FlotillaError } from '../../core/errors.ts'
import { planWait } from '../../compose/plan/wait-plan.ts'
import type { startFlags } from './lifecycle-table.ts'
import { readLock } from './project-lock-flags.ts'
import { performVerb, withRoster } from './verb.ts'
import { waitFor } from './wait-for.ts'

export const run: Run<typeof startFlags> = (ctx, flags, args) =>
  withRoster(ctx, args, async (found) => {
    const { roster, project, name: projectName } = found
    // As the reference program says it: a slip in `-p NAME` is not passed over.
    if (project === undefined && roster.dependencies.size === 0) {
      throw new FlotillaError('compose/not-found', `no container found for project "${projectName}": not found`)
    }
    const services = withDependencies(roster, args)
    const isEmpty = (name: string): boolean => isWithoutContainers(roster, name)
    const every = [...roster.dependencies.keys()]
    // Of all services those that have containers are meant, unless none has any.
    const wanted = args.length > 0 ? args : every.filter(() => every.every(isEmpty))
    const empty = wanted.find((name) => {
      const service = project?.services[name]
      return service?.scale !== 0 && service?.provider === undefined && isEmpty(name)
    })
    if (empty !== undefined) {
      throw new FlotillaError('compose/not-found', `service "${empty}" has no container to start`)
    }
    for (const { service, dependency, isRequired } of missingDependencies(roster, services)) {
      const text = `${service} is missing dependency ${dependency}`
      if (isRequired) throw new FlotillaError('compose/not-found', text)
      ctx.log.warn(text)
    }
    const seconds = flags['wait-timeout'] ?? 0
    const limits = { ...readLock(flags, 'docker-compose start'), ...(seconds > 0 && { waitLimitMs: seconds * 1000 }) }
    await performVerb(ctx, found, { kind: 'start' }, services, limits)
    if (!flags.wait || found.session.isDryRun) return
    await waitFor(ctx, found.session, planWait(await found.look(ctx.signal), services), seconds)
  })
