import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { openStore } from './open-machine.ts'
import { parseMachinePath, reachMachine, renderMachinePath, toAlias } from './remote-path.ts'
import type { MachinePath } from './remote-path.ts'
import type { scpFlags } from './copy-table.ts'
import { requireProgram, runWithSshConfig } from './with-ssh-config.ts'

/**
 * Copies files to, from and between machines: with the programs of this computer where all of them have an SSH server, else
 * through their shells.
 */
export const run: Run<typeof scpFlags> = async (ctx, flags, args) => {
  if (args.length !== 2) {
    ctx.stdout.write(await ctx.helpPage())
    throw new FlotillaError('machine/usage', 'Improper number of arguments')
  }
  const [from, to] = args.map(parseMachinePath) as [MachinePath, MachinePath]
  const names = [...new Set([from, to].flatMap(({ machine }) => (machine === undefined ? [] : [machine])))]
  const store = openStore(ctx)
  const reached = []
  for (const name of names) reached.push(await reachMachine(ctx, store, name))
  // rsync cannot copy between two other computers.
  const isBetween = from.machine !== undefined && to.machine !== undefined
  if ((flags.delta && isBetween) || reached.some(({ target }) => target === undefined)) {
    const { copyThroughShells } = await import('./copy-through-shells.ts')
    return copyThroughShells(ctx, store, { from, to, reached }, flags)
  }
  await requireProgram(ctx, flags.delta ? 'rsync' : 'scp', flags.delta ? 'delta option' : 'scp feature')
  const aliases = reached.flatMap(({ name, target }) => (target === undefined ? [] : [toAlias(store, name, target)]))
  return runWithSshConfig(ctx, aliases, (config) => (flags.delta ? rsync : scp)(config, flags, [from, to]))
}

interface CopyFlags {
  readonly recursive: boolean
  readonly quiet: boolean
}

function scp(config: string, flags: CopyFlags, ends: readonly MachinePath[]): readonly [string, ...string[]] {
  const options = ['-F', config, '-3', ...(flags.recursive ? ['-r'] : []), ...(flags.quiet ? ['-q'] : [])]
  return ['scp', ...options, '--', ...ends.map(renderMachinePath)]
}

function rsync(config: string, flags: CopyFlags, ends: readonly MachinePath[]): readonly [string, ...string[]] {
  const options = [
    ...(flags.recursive ? ['--recursive', '--links', '--perms', '--times'] : []),
    flags.quiet ? '--quiet' : '--progress',
  ]
  return ['rsync', '-e', `ssh -F '${config}'`, ...options, '--', ...ends.map(renderMachinePath)]
}
