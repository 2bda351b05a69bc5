import type { SshAddress } from './ssh.ts'

/** A machine under the name that scp, rsync and sshfs are given for it. */
export interface SshAlias {
  readonly name: string
  readonly address: SshAddress
}

/**
 * A configuration of the ssh program that knows machines by name, each with its own port, user, key and pinned host key:
 * what one command line has no room for when it is about two machines.
 */
export function renderClientConfig(aliases: readonly SshAlias[]): string {
  const blocks = aliases.map(({ name, address }) => {
    const known = address.knownHostsPath
    const lines = [
      `HostName ${address.host}`,
      `Port ${address.port}`,
      `User ${address.user}`,
      ...(address.keyPath === undefined ? [] : ['IdentitiesOnly yes', `IdentityFile ${quotePath(address.keyPath)}`]),
      `StrictHostKeyChecking ${known === undefined ? 'no' : 'accept-new'}`,
      `UserKnownHostsFile ${known === undefined ? '/dev/null' : quotePath(known)}`,
    ]
    return `Host ${name}\n${lines.map((line) => `  ${line}\n`).join('')}`
  })
  const common = [
    'BatchMode yes',
    'ConnectionAttempts 3',
    'ConnectTimeout 10',
    'GlobalKnownHostsFile /dev/null',
    'HashKnownHosts no',
    'LogLevel ERROR',
    'PasswordAuthentication no',
    'ServerAliveInterval 60',
  ]
  return `${blocks.join('')}Host *\n${common.map((line) => `  ${line}\n`).join('')}`
}

/** ssh splits these at blanks and expands `%`. */
function quotePath(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`
}
