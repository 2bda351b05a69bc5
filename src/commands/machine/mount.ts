import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { execInherited } from '../../io/exec.ts'
import { findExecutable } from '../../io/find-executable.ts'
import { openStore } from './open-machine.ts'
import { parseMachinePath, reachMachine, renderMachinePath, toAlias } from './remote-path.ts'
import type { mountFlags } from './copy-table.ts'
import { requireProgram, runWithSshConfig } from './with-ssh-config.ts'

/** Mounts a folder of a machine here with sshfs, or takes such a mount away. */
export const run: Run<typeof mountFlags> = async (ctx, flags, args) => {
  const [source, place, ...more] = args
  if (source === undefined || more.length > 0) {
    ctx.stdout.write(await ctx.helpPage())
    throw new FlotillaError('machine/usage', 'Improper number of arguments')
  }
  const parsed = parseMachinePath(source)
  // Without a colon it is a path of the machine called so.
  const remote = { ...parsed, machine: parsed.machine ?? 'default' }
  const mountpoint = place ?? remote.path
  if (mountpoint === '') throw new FlotillaError('machine/usage', `${JSON.stringify(source)} names no path to mount`)
  if (flags.unmount) {
    // Where there is version 3 of FUSE only, it has its number in the name.
    const isNew = (await findExecutable('fusermount', ctx.env)) === undefined
    const program = isNew && (await findExecutable('fusermount3', ctx.env)) !== undefined ? 'fusermount3' : 'fusermount'
    await requireProgram(ctx, program, 'unmount option')
    return execInherited([program, '-u', mountpoint], { clock: ctx.clock, signal: ctx.signal })
  }
  const store = openStore(ctx)
  const { name, target } = await reachMachine(ctx, store, remote.machine)
  if (target === undefined) {
    throw new FlotillaError(
      'machine/driver',
      `folders of machine "${name}" cannot be mounted: it has no SSH server, which sshfs needs`,
      { hint: 'scp copies files to and from it' },
    )
  }
  await requireProgram(ctx, 'sshfs', 'mount feature')
  const alias = toAlias(store, name, target)
  return runWithSshConfig(ctx, [alias], (config) => ['sshfs', '-F', config, renderMachinePath(remote), mountpoint])
}
