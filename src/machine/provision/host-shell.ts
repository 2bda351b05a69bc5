import { posix } from 'node:path'
import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import { quoteShell } from '../../core/shell-quote.ts'
import type { RemoteResult, RemoteRunOptions, Ssh } from '../../io/ssh/ssh.ts'
import type { HostFile } from '../driver.ts'

/** A root shell on a host. */
export interface HostShell {
  /** Runs a script as root; any exit code is a result. */
  run(script: string, o: RemoteRunOptions): Promise<RemoteResult>
  /**
   * Runs a script as root and expects it to succeed.
   * @returns its standard output
   * @throws {machine/provision} with docker-machine's four-line form
   */
  check(script: string, o: RemoteRunOptions): Promise<string>
  /** Puts a file in place in one step, owned by root, created with its mode. */
  upload(file: HostFile, o: CallOptions): Promise<void>
}

/**
 * A root shell over a login: as it is for root, through `sudo -n` for others.
 *
 * @throws {machine/provision} when the user is neither
 */
export async function openHostShell(ssh: Ssh, o: CallOptions): Promise<HostShell> {
  const who = await ssh.run('id -u', o)
  const isRoot = who.stdout.trim() === '0'
  if (!isRoot) {
    const sudo = await ssh.run('sudo -n true', o)
    if (sudo.code !== 0) {
      const { user, host } = ssh.address
      throw new FlotillaError(
        'machine/provision',
        `user "${user}" on ${host} is not root and cannot use sudo without a password`,
        {
          hint: 'log in as root, or allow the user to use sudo with NOPASSWD',
        },
      )
    }
  }

  function run(script: string, options: RemoteRunOptions): Promise<RemoteResult> {
    return ssh.run(isRoot ? script : `sudo -n sh -c ${quoteShell(script)}`, options)
  }

  async function check(script: string, options: RemoteRunOptions): Promise<string> {
    const result = await run(script, options)
    if (result.code !== 0) throw commandError(script, result)
    return result.stdout
  }

  return {
    run,
    check,
    async upload(file, options) {
      const path = quoteShell(file.path)
      const temporary = quoteShell(`${file.path}.tmp`)
      const mode = file.mode.toString(8).padStart(4, '0')
      const script = [
        `mkdir -p ${quoteShell(posix.dirname(file.path))}`,
        `rm -f ${temporary}`,
        'umask 077',
        `cat > ${temporary}`,
        `chmod ${mode} ${temporary}`,
        `mv -f ${temporary} ${path}`,
      ].join(' && ')
      // Contents go over stdin, never through quoting: nothing in them can be changed on the way.
      await check(script, { ...options, input: file.content })
    },
  }
}

/** docker/machine libmachine/ssh: the form logs are searched for. */
function commandError(command: string, result: RemoteResult): FlotillaError {
  const output = `${result.stdout}${result.stderr}`.trim().split('\n').slice(-20).join('\n')
  return new FlotillaError(
    'machine/provision',
    `ssh command error:\ncommand : ${command}\nerr     : exit status ${result.code}\noutput  : ${output}`,
  )
}
