import { promises as fs } from 'node:fs'
import type { Client, ClientChannel, ConnectConfig } from 'ssh2'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { raceAbort, startDeadline } from '../../core/deadline.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { readTextFile } from '../files.ts'
import { checkKeyFile } from './key-file.ts'
import { changedHostKey, describeAddress } from './ssh.ts'
import type { RemoteResult, Ssh, SshAddress } from './ssh.ts'

const readyTimeoutMs = 20_000

/** Standard streams of this process, for interactive sessions. */
export interface NativeStreams {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
}

/**
 * Logs in with the built-in client (`--native-ssh`): for computers without an ssh program. Key files and the
 * agent; no configuration file. The library is loaded on first use.
 */
export function openNativeSsh(address: SshAddress, clock: Clock, streams: NativeStreams): Ssh {
  let client: Promise<Client> | undefined

  function connect(o: CallOptions): Promise<Client> {
    client ??= open(o)
    return client
  }

  /** One that fails, or ends later, is not kept: hosts restart while they are set up. */
  function open(o: CallOptions): Promise<Client> {
    const opening = dial(address, o, clock)
    function forget(): void {
      if (client === opening) client = undefined
    }
    opening.then((connection) => connection.once('close', forget), forget)
    return opening
  }

  return {
    address,
    async run(command, o) {
      const deadline = startDeadline(clock, o)
      try {
        const connection = await connect(o)
        return await raceAbort(deadline.signal, () => runCommand(connection, command, o.input, deadline.signal))
      } finally {
        deadline.release()
      }
    },
    async interact(args, o) {
      if (args[0]?.startsWith('-') === true) {
        throw new FlotillaError('io/ssh', `the built-in SSH client takes no options, got ${JSON.stringify(args[0])}`)
      }
      const connection = await connect(o)
      return raceAbort(o.signal, () => runInteractive(connection, args.join(' '), streams))
    },
    async close() {
      const open = client
      client = undefined
      await open?.then((connection) => connection.end()).catch(() => {})
    },
  }
}

async function dial(address: SshAddress, o: CallOptions, clock: Clock): Promise<Client> {
  const ssh2 = await import('ssh2')
  const connection = new ssh2.default.Client()
  let isChanged = false
  const config = await makeConfig(address, () => (isChanged = true))
  const deadline = startDeadline(clock, { deadlineMs: readyTimeoutMs, ...(o.signal && { signal: o.signal }) })
  const ready = new Promise<Client>((resolve, reject) => {
    connection.once('ready', () => resolve(connection))
    connection.on('error', (error) => {
      const reason = isChanged ? changedHostKey : toMessage(error)
      const text = `cannot log in to ${describeAddress(address)}: ${reason}`
      reject(new FlotillaError('io/ssh', text, { cause: error }))
    })
    connection.connect(config)
  })
  try {
    return await raceAbort(deadline.signal, () => ready)
  } catch (error) {
    connection.destroy()
    throw error
  } finally {
    deadline.release()
  }
}

async function makeConfig(address: SshAddress, onChangedKey: () => void): Promise<ConnectConfig> {
  const agent = process.env['SSH_AUTH_SOCK']
  const key = address.keyPath
  if (key !== undefined) await checkKeyFile(key)
  return {
    host: address.host,
    port: address.port,
    username: address.user,
    keepaliveInterval: 60_000,
    ...(key === undefined ? agent !== undefined && { agent } : { privateKey: await fs.readFile(key) }),
    hostVerifier: (hostKey: Buffer, verify: (isValid: boolean) => void) => {
      pinHostKey(address, hostKey).then(
        (isValid) => {
          if (!isValid) onChangedKey()
          verify(isValid)
        },
        () => verify(false),
      )
    },
  }
}

/** Accepts and keeps the key of a host seen for the first time; later it must be the same one. */
async function pinHostKey(address: SshAddress, hostKey: Buffer): Promise<boolean> {
  const path = address.knownHostsPath
  if (path === undefined) return true
  const name = address.port === 22 ? address.host : `[${address.host}]:${address.port}`
  const type = hostKey.subarray(4, 4 + hostKey.readUInt32BE(0)).toString('latin1')
  const line = `${name} ${type} ${hostKey.toString('base64')}`
  const known = (await readTextFile(path))?.split('\n').filter((entry) => entry.startsWith(`${name} `)) ?? []
  if (known.length > 0) {
    const ofType = known.filter((entry) => entry.startsWith(`${name} ${type} `))
    return ofType.includes(line)
  }
  await fs.appendFile(path, `${line}\n`, { mode: 0o600 })
  return true
}

function runCommand(
  connection: Client,
  command: string,
  input: string | Uint8Array | undefined,
  signal: AbortSignal | undefined,
): Promise<RemoteResult> {
  return new Promise((resolve, reject) => {
    connection.exec(command, (error, channel) => {
      if (error !== undefined) {
        reject(new FlotillaError('io/ssh', `cannot run a command: ${toMessage(error)}`, { cause: error }))
        return
      }
      // Servers allow a connection only some ten sessions: one nobody waits for must not take up a place.
      const stop = (): void => channel.close()
      if (signal?.aborted === true) stop()
      else signal?.addEventListener('abort', stop, { once: true })
      channel.once('close', () => signal?.removeEventListener('abort', stop))
      const stdout = collect(channel)
      const stderr = collect(channel.stderr)
      let code: number | undefined
      channel.on('exit', (status: number | null) => {
        code = status ?? undefined
      })
      channel.on('close', () => {
        if (code === undefined) reject(new FlotillaError('io/ssh', 'the connection was lost while a command ran'))
        else resolve({ code, stdout: stdout(), stderr: stderr() })
      })
      channel.end(input ?? '')
    })
  })
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString('utf8')
}

function runInteractive(connection: Client, command: string, streams: NativeStreams): Promise<number> {
  const { stdin, stdout, stderr } = streams
  const isTty = stdin.isTTY && stdout.isTTY
  const size = { rows: stdout.rows, cols: stdout.columns, term: process.env['TERM'] ?? 'xterm' }
  return new Promise((resolve, reject) => {
    function attach(error: Error | undefined, channel: ClientChannel): void {
      if (error !== undefined) {
        reject(new FlotillaError('io/ssh', `cannot open a session: ${toMessage(error)}`, { cause: error }))
        return
      }
      const resize = (): void => channel.setWindow(stdout.rows, stdout.columns, 0, 0)
      let code = 255
      channel.on('exit', (status: number | null) => {
        code = status ?? 255
      })
      channel.on('close', () => {
        stdin.unpipe(channel)
        stdin.pause()
        stdout.off('resize', resize)
        if (isTty) stdin.setRawMode(false)
        resolve(code)
      })
      if (isTty) stdin.setRawMode(true)
      stdout.on('resize', resize)
      channel.pipe(stdout, { end: false })
      channel.stderr.pipe(stderr, { end: false })
      stdin.pipe(channel)
    }
    if (command === '') connection.shell(isTty ? size : false, attach)
    else connection.exec(command, isTty ? { pty: size } : {}, attach)
  })
}
