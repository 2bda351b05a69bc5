import type { CallOptions } from '../../core/call.ts'

/** Where to log in. */
export interface SshAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  /** Private key; absent: the agent, then the user's default keys. */
  readonly keyPath?: string
  /** File that keeps the host's key: written on first contact, binding from then on. Absent: the key is not checked. */
  readonly knownHostsPath?: string
}

export interface RemoteRunOptions extends CallOptions {
  /** Written to the command's standard input; absent: it reads nothing. */
  readonly input?: string | Uint8Array
}

/** How a remote command ended. */
export interface RemoteResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A login on another computer. One connection serves many commands. */
export interface Ssh {
  readonly address: SshAddress
  /**
   * Runs a command line in the user's shell. Any exit code of the command is a result.
   * @throws {io/ssh} when the host cannot be reached or refuses the login
   */
  run(command: string, o: RemoteRunOptions): Promise<RemoteResult>
  /**
   * Runs a command, or a login shell for no words, on this process's own standard streams.
   * @param args as the ssh program takes them after the host: may start with options such as `-L`
   * @returns the remote exit code
   */
  interact(args: readonly string[], o: CallOptions): Promise<number>
  /** Closes the connection. Idempotent. */
  close(): Promise<void>
}

/** Why a host that shows another key than the kept one is not logged in to. */
export const changedHostKey: string = 'the host key has changed since the first contact'

/** How an address is shown in messages. */
export function describeAddress(address: SshAddress): string {
  return `${address.user}@${address.host}:${address.port}`
}
