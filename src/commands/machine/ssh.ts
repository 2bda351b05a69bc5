import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { chooseNames, openMachine, openStore } from './open-machine.ts'
import { chooseSsh } from './ssh-client.ts'

/** Runs a command or a login shell on a machine and ends with its exit code. */
export const run: Run = async (ctx, _flags, args) => {
  const store = openStore(ctx)
  const [name = ''] = await chooseNames(store, args.slice(0, 1))
  const { driver } = await openMachine(ctx, store, name)
  const o = { signal: ctx.signal }
  const words = args.slice(1)
  if ((await driver.state(o)) !== 'Running') {
    throw new FlotillaError('machine/state', `Error: Cannot run SSH command: Host "${name}" is not running`)
  }
  const target = await driver.ssh(o)
  if (target === undefined && driver.enter === undefined) {
    throw new FlotillaError('machine/driver', `Error: Cannot run SSH command: Host "${name}" has no shell`)
  }
  // The ssh program passes over a leading `--`.
  if (target === undefined) return driver.enter?.({ command: words[0] === '--' ? words.slice(1) : words }, o)
  const open = await chooseSsh(ctx)
  const ssh = open({ ...target, knownHostsPath: `${store.pathOf(name)}/known_hosts` })
  try {
    return await ssh.interact(words, o)
  } finally {
    await ssh.close()
  }
}
