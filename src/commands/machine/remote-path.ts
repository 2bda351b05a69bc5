import { FlotillaError } from '../../core/errors.ts'
import type { SshAlias } from '../../io/ssh/client-config.ts'
import type { Context } from '../../cli/command.ts'
import type { SshTarget } from '../../machine/driver.ts'
import { checkSshTarget } from '../../machine/ssh-target.ts'
import type { Store } from '../../machine/store.ts'
import { openMachine } from './open-machine.ts'

/** `[[USER@]MACHINE:]PATH`; without a machine it is on this computer. */
export interface MachinePath {
  readonly machine?: string
  readonly user?: string
  readonly path: string
}

/** A machine that runs, and how files get there. */
export interface ReachedMachine {
  readonly name: string
  /** Absent: it has no SSH server, but a shell all the same. */
  readonly target?: SshTarget
}

/** docker/machine commands/scp.go: what is before the first colon is a machine; `localhost:` is this computer. */
export function parseMachinePath(text: string): MachinePath {
  const at = text.indexOf(':')
  // A drive letter is no machine, and a path with a slash before its first colon is none of ours.
  if (at < 1 || text.slice(0, at).includes('/') || (process.platform === 'win32' && at === 1)) return { path: text }
  const place = text.slice(0, at)
  const path = text.slice(at + 1)
  const split = place.lastIndexOf('@')
  const machine = place.slice(split + 1)
  if (machine === 'localhost') return { path }
  return { machine, path, ...(split > 0 && { user: place.slice(0, split) }) }
}

/**
 * How a machine is reached whose files are to be touched.
 *
 * @throws {machine/state} when it is not running, {machine/driver} when it has no shell at all
 */
export async function reachMachine(ctx: Context, store: Store, name: string): Promise<ReachedMachine> {
  const { driver } = await openMachine(ctx, store, name)
  const target = await driver.ssh({ signal: ctx.signal })
  if (target === undefined && driver.enter === undefined) {
    throw new FlotillaError('machine/driver', `machine "${name}" has no shell, which this command needs`)
  }
  if ((await driver.state({ signal: ctx.signal })) !== 'Running') {
    throw new FlotillaError('machine/state', `Error: Cannot run SSH command: Host "${name}" is not running`)
  }
  return { name, ...(target !== undefined && { target }) }
}

/** A machine as ssh and the programs that use it are to know it. */
export function toAlias(store: Store, name: string, target: SshTarget): SshAlias {
  checkSshTarget(target)
  return { name, address: { ...target, knownHostsPath: `${store.pathOf(name)}/known_hosts` } }
}

/** The path as scp, rsync and sshfs take it. */
export function renderMachinePath({ machine, user, path }: MachinePath): string {
  if (machine !== undefined) return `${user === undefined ? '' : `${user}@`}${machine}:${path}`
  // Otherwise what is before a colon would be taken for a host, and a dash for an option.
  return /^[^/]*:/.test(path) || path.startsWith('-') ? `./${path}` : path
}
