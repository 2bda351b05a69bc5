import type { Run } from '../../cli/command.ts'
import type { restartFlags } from './lifecycle-table.ts'
import { performVerb, withRoster } from './verb.ts'

export const run: Run<typeof restartFlags> = (ctx, flags, args) => {
  const timeout = flags.timeout === undefined ? {} : { timeoutSeconds: flags.timeout }
  return withRoster(ctx, args, (found) => {
    const { project } = found
    const services = new Set(args)
    // Services that ask for it are restarted with what they depend on.
    for (const service of Object.values(project?.services ?? {})) {
      const isDependent = Object.entries(service.depends_on ?? {}).some(
        ([name, dependency]) => dependency.restart === true && args.includes(name),
      )
      if (isDependent && !flags['no-deps']) services.add(service.name)
    }
    return performVerb(ctx, found, { kind: 'restart', ...timeout }, [...services])
  })
}
