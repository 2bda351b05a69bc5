import type { Context } from '../../cli/command.ts'
import type { FlagTable } from '../../core/flag.ts'
import type { DriverDescriptor } from '../../machine/driver.ts'
import { loadDescriptor } from './open-machine.ts'

const defaultDriver = 'virtualbox'

/** The flags of the driver that the command line or the environment names. */
export async function findDriverFlags(argv: readonly string[], ctx: Context): Promise<FlagTable> {
  // The line is wrong in another way, which is told when it is parsed.
  if (/^--?(?:driver|d)$/.test(argv.at(-1) ?? '')) return {}
  const name = findDriverName(argv, ctx.env)
  // Nobody asked for it: a line without a name should say that, not that there is no such driver.
  if (name === defaultDriver && !(await ctx.plugins.find('driver', name))) return {}
  return flagsOf(await loadDescriptor(ctx, name))
}

/** The flags of a driver. One that is a program of its own has to be asked for them. */
export async function flagsOf(descriptor: DriverDescriptor): Promise<FlagTable> {
  return (await descriptor.findFlags?.()) ?? descriptor.flags
}

/** docker/machine commands/create.go: the driver is looked for anywhere on the line, before it can be parsed. */
export function findDriverName(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): string {
  for (const [index, word] of argv.entries()) {
    const match = /^--?(?:driver|d)(?:=(.*))?$/s.exec(word)
    if (match !== null) return match[1] ?? argv[index + 1] ?? ''
  }
  const named = env['MACHINE_DRIVER'] ?? ''
  return named === '' ? defaultDriver : named
}
