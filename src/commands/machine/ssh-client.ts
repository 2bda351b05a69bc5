import { findExecutable } from '../../io/find-executable.ts'
import type { Context } from '../../cli/command.ts'
import type { Ssh, SshAddress } from '../../io/ssh/ssh.ts'
import { checkSshTarget } from '../../machine/ssh-target.ts'

/** How a command logs in: with the ssh program, or with the built-in client when asked to or when there is no program. */
export async function chooseSsh(ctx: Context): Promise<(address: SshAddress) => Ssh> {
  const isNative = ctx.globals['native-ssh'] === true || (await findExecutable('ssh', ctx.env)) === undefined
  if (isNative) {
    const { openNativeSsh } = await import('../../io/ssh/native.ts')
    const { stdin, stdout, stderr } = process
    return checked((address) => openNativeSsh(address, ctx.clock, { stdin, stdout, stderr }))
  }
  const { openSsh } = await import('../../io/ssh/openssh.ts')
  return checked((address) => openSsh(address, ctx.clock))
}

function checked(open: (address: SshAddress) => Ssh): (address: SshAddress) => Ssh {
  return (address) => {
    checkSshTarget(address)
    return open(address)
  }
}
