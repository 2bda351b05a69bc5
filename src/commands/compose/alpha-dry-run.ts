import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { dryRunFlags } from './view-table.ts'

/** `alpha dry-run -- COMMAND` was the form of `--dry-run COMMAND` before there was the flag. */
export const run: Run<typeof dryRunFlags> = async (ctx, _flags, args) => {
  const [{ composeCommands, composeGlobals }, { parseCommandLine }, { pflag }, { mergeFlagValues }] = await Promise.all(
    [
      import('./table.ts'),
      import('../../cli/parse.ts'),
      import('../../cli/dialects/pflag.ts'),
      import('../../cli/flag-values.ts'),
    ],
  )
  const root = { name: 'docker-compose', brief: '', flags: composeGlobals, args: [], commands: composeCommands }
  const line = await parseCommandLine(root, ['--dry-run', ...args], {
    dialect: pflag,
    env: ctx.env,
    versionFlag: {},
    everywhere: ctx.personality.everywhere,
    helpWords: [],
    findMoreFlags: () => Promise.resolve({}),
  })
  if (line.kind === 'wrong') throw line.error
  if (line.kind !== 'run' || line.command.load === undefined) {
    throw new FlotillaError('cli/usage', 'dry-run takes a command with its flags: alpha dry-run -- up -d')
  }
  const globals = mergeFlagValues(ctx.globals, line.globals)
  // A copy would open the input of a command that may never read it.
  const rehearsal = Object.create(ctx, { globals: { value: globals } }) as Context
  return (await line.command.load()).run(rehearsal, line.flags, line.args)
}
