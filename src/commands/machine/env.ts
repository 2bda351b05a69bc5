import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { isPlainEngine } from '../../machine/connection.ts'
import { addNoProxy, findNoProxy, findShell, renderEnv, toUnset, toVariables } from '../../machine/env.ts'
import type { ShellVariable } from '../../machine/env.ts'
import { connect } from './connect.ts'
import { chooseName, openMachine, openStore, withPrefix } from './open-machine.ts'
import type { envFlags } from './table.ts'

/** Lines for a shell to evaluate; everything else goes to stderr. */
export const run: Run<typeof envFlags> = async (ctx, flags, args) => {
  const isWindows = process.platform === 'win32'
  const shell = findShell(flags.shell, ctx.env, isWindows)
  const variables = flags.unset ? unset(ctx, flags, args, isWindows) : await set(ctx, flags, args, isWindows)
  ctx.stdout.write(renderEnv(shell, variables, [ctx.personality.program, ...ctx.argv]))
}

type EnvFlags = FlagValues<typeof envFlags>

function unset(ctx: Context, flags: EnvFlags, args: readonly string[], isWindows: boolean): readonly ShellVariable[] {
  if (args.length > 0) {
    throw new FlotillaError('machine/usage', 'Error: Expected no machine name when the -u flag is present')
  }
  return toUnset(isWindows, flags['no-proxy'] ? findNoProxy(ctx.env).name : undefined)
}

async function set(
  ctx: Context,
  flags: EnvFlags,
  args: readonly string[],
  isWindows: boolean,
): Promise<readonly ShellVariable[]> {
  const store = openStore(ctx)
  const machine = await openMachine(ctx, store, await chooseName(store, args))
  const { host, driver } = machine
  let dockerHost: string
  try {
    dockerHost = await connect(ctx, store, machine, flags.swarm)
  } catch (error) {
    throw withPrefix('Error checking TLS connection: ', error)
  }
  const isPlain = await isPlainEngine(host)
  const facts = { name: host.name, dockerHost, certPath: store.pathOf(host.name), isWindows, isPlain }
  const variables = toVariables(facts)
  if (!flags['no-proxy']) return variables
  try {
    return [...variables, addNoProxy(ctx.env, await driver.address({ signal: ctx.signal }))]
  } catch (error) {
    throw withPrefix('Error getting host IP: ', error)
  }
}
