import { delimiter, isAbsolute } from 'node:path'
import type { Duplex } from 'node:stream'
import { ChildStream } from '../../io/child-stream.ts'
import type { ProgramWords } from '../../io/exec.ts'
import type { Endpoint } from '../endpoint.ts'

type Environment = Readonly<Record<string, string | undefined>>

type SshEndpoint = Extract<Endpoint, { readonly kind: 'ssh' }>

/**
 * The command that joins us with the engine behind an ssh endpoint. It is the docker CLI's own way
 * (cli/connhelper), so that a user's ssh configuration and the remote docker serve both.
 */
export function renderDial(endpoint: SshEndpoint): ProgramWords {
  const { host, user, port, socketPath } = endpoint
  return [
    'ssh',
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    '-o',
    'ConnectTimeout=30',
    '-T',
    '--',
    host,
    'docker',
    // The remote shell reads this once more.
    ...(socketPath === undefined ? [] : ['--host', quoteForShell(`unix://${socketPath}`)]),
    'system',
    'dial-stdio',
  ]
}

function quoteForShell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}

/** Starts ssh. That the other end is there shows only with the first answer. */
export function openSsh(endpoint: SshEndpoint, env: Environment = process.env): Duplex {
  return new ChildStream(renderDial(endpoint), { ...env, PATH: keepAbsolute(env['PATH']) })
}

/** Empty and relative entries would let a program called `ssh` in the working directory run. */
function keepAbsolute(path: string | undefined): string {
  const entries = (path ?? '').split(delimiter).filter((entry) => isAbsolute(entry))
  return entries.length === 0 ? '/usr/bin:/bin' : entries.join(delimiter)
}
