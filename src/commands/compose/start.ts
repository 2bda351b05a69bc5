import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { withDependencies } from '../../compose/plan/dependency.ts'
import type { verbFlags } from './lifecycle-table.ts'
import { readLock } from './project-lock-flags.ts'
import { performVerb, withRoster } from './verb.ts'

export const run: Run<typeof verbFlags> = (ctx, flags, args) =>
  withRoster(ctx, args, async (found) => {
    const { roster, project, name: projectName } = found
    // As the reference program says it: a slip in `-p NAME` is not passed over.
    if (project === undefined && roster.dependencies.size === 0) {
      throw new FlotillaError('compose/not-found', `no container found for project "${projectName}": not found`)
    }
    const services = withDependencies(roster, args)
    const isEmpty = (name: string): boolean => (roster.containers.get(name) ?? []).every(({ isOneOff }) => isOneOff)
    const every = [...roster.dependencies.keys()]
    // Of all services those that have containers are meant, unless none has any.
    const wanted = args.length > 0 ? services : every.filter(() => every.every(isEmpty))
    const empty = wanted.find((name) => {
      const service = project?.services[name]
      return service?.scale !== 0 && service?.provider === undefined && isEmpty(name)
    })
    if (empty !== undefined) {
      throw new FlotillaError('compose/not-found', `service "${empty}" has no container to start`)
    }
    await performVerb(ctx, found, { kind: 'start' }, services, readLock(flags, 'docker-compose start'))
  })
