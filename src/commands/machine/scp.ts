import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { openStore } from './open-machine.ts'
import { findAlias, parseMachinePath, renderMachinePath } from './remote-path.ts'
import type { MachinePath } from './remote-path.ts'
import type { scpFlags } from './copy-table.ts'
import { requireProgram, runWithSshConfig } from './with-ssh-config.ts'

/** Copies files to, from and between machines, with the programs of this computer. */
export const run: Run<typeof scpFlags> = async (ctx, flags, args) => {
  if (args.length !== 2) {
    ctx.stdout.write(await ctx.helpPage())
    throw new FlotillaError('machine/usage', 'Improper number of arguments')
  }
  const ends = args.map(parseMachinePath)
  const names = [...new Set(ends.flatMap(({ machine }) => (machine === undefined ? [] : [machine])))]
  if (flags.delta && ends.every(({ machine }) => machine !== undefined)) {
    throw new FlotillaError(
      'machine/usage',
      '--delta copies between a machine and this computer, not between machines',
      {
        hint: 'leave --delta out, or run rsync on one of them with "ssh"',
      },
    )
  }
  await requireProgram(ctx, flags.delta ? 'rsync' : 'scp', flags.delta ? 'delta option' : 'scp feature')
  const store = openStore(ctx)
  const aliases = []
  for (const name of names) aliases.push(await findAlias(ctx, store, name))
  return runWithSshConfig(ctx, aliases, (config) => (flags.delta ? rsync : scp)(config, flags, ends))
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
