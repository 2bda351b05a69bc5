import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { CopyEnd } from '../../machine/copy/copy-end.ts'
import { copyFiles } from '../../machine/copy/copy-files.ts'
import { localEnd } from '../../machine/copy/local-end.ts'
import { shellEnd } from '../../machine/copy/shell-end.ts'
import type { Store } from '../../machine/store.ts'
import type { MachinePath, ReachedMachine } from './remote-path.ts'
import { startOnMachine } from './run-own.ts'

interface CopyOrder {
  readonly from: MachinePath
  readonly to: MachinePath
  readonly reached: readonly ReachedMachine[]
}

/** Copies files through the shells of machines, as `ssh` opens them. */
export async function copyThroughShells(
  ctx: Context,
  store: Store,
  { from, to, reached }: CopyOrder,
  flags: { readonly recursive: boolean; readonly delta: boolean },
): Promise<void> {
  const here = localEnd(ctx.cwd)
  const machines = new Map<string, CopyEnd>()
  for (const { name } of reached) {
    machines.set(
      name,
      shellEnd(name, (command) => startOnMachine(ctx, store, name, command)),
    )
  }
  const open = ({ machine, user, path }: MachinePath): { readonly end: CopyEnd; readonly path: string } => {
    refuseUser(reached, machine, user)
    return { end: machines.get(machine ?? '') ?? here, path }
  }
  await copyFiles(open(from), open(to), { isRecursive: flags.recursive, isDelta: flags.delta }, { signal: ctx.signal })
}

/** There is one user whose shell is opened. */
function refuseUser(reached: readonly ReachedMachine[], machine: string | undefined, user: string | undefined): void {
  if (user === undefined) return
  const own = reached.find(({ name }) => name === machine)?.target?.user ?? 'root'
  if (user === own) return
  throw new FlotillaError('machine/usage', `files of machine "${machine}" are copied as ${own}: leave "${user}@" out`)
}
