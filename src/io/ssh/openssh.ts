import { promises as fs } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError } from '../../core/errors.ts'
import { execInherited, execProgram } from '../exec.ts'
import type { ProgramWords } from '../exec.ts'
import { findExecutable } from '../find-executable.ts'
import { checkKeyFile } from './key-file.ts'
import { changedHostKey, describeAddress } from './ssh.ts'
import type { Ssh, SshAddress } from './ssh.ts'

/** The ssh program uses this code for its own failures, a remote command may too. */
const clientFailure = 255
/** Seconds an idle master connection waits for the next command. */
const persistSeconds = 30

/**
 * Logs in with the system's ssh program: the user's agent and hardware keys work. All commands share one
 * connection through a control socket in a private folder.
 */
export function openSsh(address: SshAddress, clock: Clock): Ssh {
  let folder: Promise<string> | undefined

  async function controlOptions(): Promise<readonly string[]> {
    if (process.platform === 'win32') return ['-o', 'ControlMaster=no', '-o', 'ControlPath=none']
    // Socket paths are limited to some 100 bytes, so it cannot lie in the store.
    folder ??= fs.mkdtemp(join(tmpdir(), 'flotilla-ssh-'))
    const path = join(await folder, 'c')
    return ['-o', 'ControlMaster=auto', '-o', `ControlPath=${path}`, '-o', `ControlPersist=${persistSeconds}`]
  }

  async function words(options: readonly string[], args: readonly string[]): Promise<ProgramWords> {
    if (address.keyPath !== undefined) await checkKeyFile(address.keyPath)
    return [await findSsh(), ...baseOptions(address), ...options, ...args]
  }

  return {
    address,
    async run(command, o) {
      const program = await words(['-o', 'BatchMode=yes', ...(await controlOptions())], ['--', command])
      const result = await execProgram(program, { ...o, clock })
      if (result.code === clientFailure && isClientFailure(result.stderr)) {
        throw new FlotillaError('io/ssh', `cannot log in to ${describeAddress(address)}: ${lastLine(result.stderr)}`)
      }
      return result
    },
    async interact(args, o) {
      // docker-machine ssh NAME -L …: options of ssh come before the remote command.
      return execInherited(await words(['-o', 'ControlMaster=no', '-o', 'ControlPath=none'], args), { ...o, clock })
    },
    async close() {
      if (folder === undefined) return
      const path = await folder
      folder = undefined
      const exit = async (): Promise<unknown> => {
        const words: ProgramWords = [
          await findSsh(),
          '-F',
          '/dev/null',
          '-o',
          `ControlPath=${join(path, 'c')}`,
          '-O',
          'exit',
        ]
        return execProgram([...words, 'x'], { clock, deadlineMs: 5000 })
      }
      await exit().catch(() => {})
      await fs.rm(path, { recursive: true, force: true })
    },
  }
}

/** Never one of the current folder. @throws {io/exec} */
async function findSsh(): Promise<string> {
  const path = await findExecutable('ssh', process.env)
  if (path === undefined) throw new FlotillaError('io/exec', 'cannot run ssh: no such program')
  return path
}

function baseOptions(address: SshAddress): readonly string[] {
  const known = address.knownHostsPath
  const settings = [
    'ConnectionAttempts=3',
    'ConnectTimeout=10',
    'LogLevel=ERROR',
    'PasswordAuthentication=no',
    'ServerAliveInterval=60',
    `StrictHostKeyChecking=${known === undefined ? 'no' : 'accept-new'}`,
    `UserKnownHostsFile=${known === undefined ? '/dev/null' : quotePath(known)}`,
    'GlobalKnownHostsFile=/dev/null',
    'HashKnownHosts=no',
  ]
  return [
    '-F',
    '/dev/null',
    ...settings.flatMap((setting) => ['-o', setting]),
    ...(address.keyPath === undefined
      ? []
      : ['-o', 'IdentitiesOnly=yes', '-o', `IdentityFile=${quotePath(address.keyPath)}`]),
    '-p',
    String(address.port),
    '-l',
    address.user,
    address.host,
  ]
}

/** ssh splits these options at blanks and expands `%`; with `-i` it looks for the file before it expands. */
function quotePath(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`
}

/** A remote command that itself ends with 255 says nothing of the sort. */
function isClientFailure(stderr: string): boolean {
  return /(?:^|\n)(?:ssh: |kex_exchange|Connection (?:closed|reset|refused|timed out)|Host key verification|client_loop|@@@@|.*Permission denied \(|Bad owner|Load key|mux_client|Control socket|Timeout, server)/.test(
    stderr,
  )
}

function lastLine(stderr: string): string {
  const lines = stderr.trim().split(/\r?\n/)
  const changed = lines.find((line) => line.includes('REMOTE HOST IDENTIFICATION HAS CHANGED'))
  if (changed !== undefined) return changedHostKey
  return lines.at(-1) ?? 'no reason given'
}
