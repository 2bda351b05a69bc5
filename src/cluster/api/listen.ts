import { chmod, stat, unlink } from 'node:fs/promises'
import { connect, createServer as createPlainServer, isIP } from 'node:net'
import type { Server, Socket } from 'node:net'
import { dirname } from 'node:path'
import { FlotillaError, toMessage } from '../../core/errors.ts'

/** Where the endpoint listens. */
export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

/** Certificates of the endpoint itself, as PEM text. */
export interface ListenTls {
  readonly cert: string
  readonly key: string
  /** Set: clients must present a certificate that this authority signed. */
  readonly clientCa?: string
  /** With `clientCa`: they may do without, and whoever reads their requests looks at what they have shown. */
  readonly isClientCertOptional?: boolean
}

/**
 * Reads `[tcp://]host:port`, `:port` or `unix:///path`.
 * @throws {cluster/invalid-option}
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^([^:/]+):\/\/(.*)$/s.exec(text)
  const scheme = match === null ? 'tcp' : (match[1] ?? '')
  const rest = match === null ? text : (match[2] ?? '')
  if (scheme === 'unix') {
    if (rest === '') throw invalid('unix socket address has no path')
    return { kind: 'unix', path: rest }
  }
  if (scheme !== 'tcp') throw invalid(`unsupported protocol: "${scheme}"`)
  const parts = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(rest)
  if (parts === null) throw invalid(`listen address ${JSON.stringify(rest)} is not of the form host:port`)
  const port = /^\d{1,5}$/.test(parts[3] ?? '') ? Number(parts[3]) : -1
  if (port < 0 || port > 65_535) throw invalid(`listen address ${JSON.stringify(rest)} has no valid port`)
  return { kind: 'tcp', host: parts[1] ?? parts[2] ?? '', port }
}

/** The form clients take: `tcp://127.0.0.1:2375`, `unix:///run/x.sock`. */
export function renderListenAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`
  const host = isIP(address.host) === 6 ? `[${address.host}]` : address.host
  return `tcp://${host}:${address.port}`
}

/** What has been opened. */
export interface Listener {
  readonly server: Server
  /** What it got: a port 0 filled in. */
  readonly address: ListenAddress
  /** Cuts off whoever has not come to the end of its handshake: the server does not close as long as somebody is there. */
  readonly cutStrangers: () => void
}

/**
 * Opens one listener.
 *
 * A unix socket file that nobody listens on any more is replaced; one that somebody does listen on is not.
 * @throws {io/connect} naming the address and, where it is taken, that it is
 */
export async function openListener(
  address: ListenAddress,
  tls: ListenTls | undefined,
  onConnection: (socket: Socket) => void,
): Promise<Listener> {
  const server = await makeServer(tls, onConnection)
  const cutStrangers = tls === undefined ? () => {} : followStrangers(server)
  if (address.kind === 'unix') {
    await listenUnix(server, address.path)
    return { server, address, cutStrangers }
  }
  await start(server, address, { host: address.host === '' ? '::' : address.host, port: address.port })
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port
  return { server, address: { ...address, port }, cutStrangers }
}

/** Connections of a TLS server are told of when their handshake is over; those before that are known to nobody else. */
function followStrangers(server: Server): () => void {
  const strangers = new Map<string, Socket>()
  // Of both forms of one connection: before its handshake, and after it.
  const nameOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress ?? ''} ${remotePort ?? ''}`
  server.on('connection', (socket: Socket) => {
    const name = nameOf(socket)
    strangers.set(name, socket)
    socket.once('close', () => {
      if (strangers.get(name) === socket) strangers.delete(name)
    })
  })
  server.on('secureConnection', (socket: Socket) => strangers.delete(nameOf(socket)))
  return () => {
    for (const socket of strangers.values()) socket.destroy()
  }
}

async function makeServer(tls: ListenTls | undefined, onConnection: (socket: Socket) => void): Promise<Server> {
  const options = { allowHalfOpen: true, noDelay: true }
  if (tls === undefined) return createPlainServer(options, onConnection)
  const { createServer } = await import('node:tls')
  const server = createServer(
    {
      ...options,
      cert: tls.cert,
      key: tls.key,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: 10_000,
      ...(tls.clientCa === undefined
        ? {}
        : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: tls.isClientCertOptional !== true }),
    },
    onConnection,
  )
  // A client that fails the handshake, or never begins it, concerns nobody else. Node leaves it to us to cut it off.
  server.on('tlsClientError', (_, socket) => socket.destroy())
  return server
}

async function listenUnix(server: Server, path: string): Promise<void> {
  const address: ListenAddress = { kind: 'unix', path }
  const obstacle = await findObstacle(path)
  if (obstacle !== undefined) throw new FlotillaError('io/connect', `listen unix ${path}: ${obstacle}`)
  try {
    await start(server, address, { path })
  } catch (error) {
    if (!isInUse(error) || (await isListening(path))) throw error
    await unlink(path)
    await start(server, address, { path })
  }
  await chmod(path, 0o660)
}

/** Longest path that an address of a Unix socket holds, less its closing zero, in bytes. */
const longestPath = 107

/** Node calls a folder that is missing a lack of rights, the executable has no words for any of this, and both put a socket in the place of a file. */
async function findObstacle(path: string): Promise<string | undefined> {
  const size = Buffer.byteLength(path)
  if (size > longestPath) return `a socket's path has at most ${longestPath} bytes, this one ${size}`
  const folder = dirname(path)
  if ((await stat(folder).catch(codeOf)) === 'ENOENT') return `there is no folder ${folder}`
  const there = await stat(path).catch(() => undefined)
  return there === undefined || there.isSocket() ? undefined : 'something that is no socket is there'
}

function start(
  server: Server,
  address: ListenAddress,
  where: { readonly path: string } | { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    function failed(error: Error): void {
      reject(listenError(address, error))
    }
    server.once('error', failed)
    server.listen({ ...where, backlog: 1024 }, () => {
      server.off('error', failed)
      server.on('error', () => undefined)
      resolve()
    })
  })
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
}

function isInUse(error: unknown): boolean {
  return error instanceof FlotillaError && codeOf(error.cause) === 'EADDRINUSE'
}

function listenError(address: ListenAddress, error: Error): FlotillaError {
  const where = address.kind === 'unix' ? `unix ${address.path}` : `tcp ${address.host}:${address.port}`
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'bind: address already in use',
    EACCES: 'bind: permission denied',
    EADDRNOTAVAIL: 'bind: cannot assign requested address',
  }
  const code = codeOf(error)
  const reason = (typeof code === 'string' ? reasons[code] : undefined) ?? toMessage(error)
  // classicswarm cli/manage: the text scripts know for the port Docker itself uses.
  const isDockerPort = address.kind === 'tcp' && address.port === 2375 && code === 'EADDRINUSE'
  const tail = isDockerPort ? ': is Docker already running on this machine? Try using a different port' : ''
  return new FlotillaError('io/connect', `listen ${where}: ${reason}${tail}`, { cause: error })
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error) => resolve(codeOf(error) !== 'ECONNREFUSED'))
  })
}

function invalid(message: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message)
}
