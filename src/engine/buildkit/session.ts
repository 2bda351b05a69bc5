import { Buffer } from 'node:buffer'
import { Duplex } from 'node:stream'
import { toError } from '../../core/errors.ts'
import { Message, MessageWriter } from '../../core/protobuf.ts'
import { GRPC, GrpcError, serveGrpc } from '../../io/h2/grpc.ts'
import type { GrpcCall, GrpcClient, GrpcHandler } from '../../io/h2/grpc.ts'
import { serveFiles } from './file-sync.ts'
import type { SharedFolder } from './file-sync.ts'
import type { OciLayout } from './oci-layout.ts'

/** What a client offers to its build: files, credentials, secrets, keys. */
export interface SessionOffer {
  /** Random, of this one build. */
  readonly id: string
  /** What tells contexts apart: builds of one key find the files of the build before. */
  readonly sharedKey: string
  /** Local name (`context`, `dockerfile`, …) → files. */
  readonly folders: ReadonlyMap<string, SharedFolder>
  /** User and password for a registry; undefined: none, which is tried then. */
  readonly credentials: (host: string) => Promise<{ readonly username: string; readonly secret: string } | undefined>
  /** Undefined: no such secret. */
  readonly secret: (id: string) => Promise<Buffer | undefined>
  /** A connection to the SSH agent of this name; undefined: no such agent. */
  readonly agent: (id: string) => Promise<Duplex | undefined>
  /** Folders of images and caches, by the names the request has for them. */
  readonly stores?: ReadonlyMap<string, OciLayout>
}

const bytesField = 1
const serving = 1

/**
 * Opens the session of a build inside the connection to the builder, so that both end at the same engine whatever
 * stands between.
 *
 * @returns a function that ends it
 */
export async function openSession(client: GrpcClient, offer: SessionOffer): Promise<(error: Error) => void> {
  const methods = await toMethods(offer)
  const call = client.call('/moby.buildkit.v1.Control/Session', [
    ['x-docker-expose-session-uuid', offer.id],
    ['x-docker-expose-session-name', 'flotilla'],
    ['x-docker-expose-session-sharedkey', offer.sharedKey],
    ...[...methods.keys()].map((method) => ['x-docker-expose-session-grpc-method', method] as const),
  ])
  const tunnel = toDuplex(call)
  const server = serveGrpc(tunnel, methods)
  return (error) => {
    server.destroy(error)
    call.cancel(error)
  }
}

async function toMethods(offer: SessionOffer): Promise<ReadonlyMap<string, GrpcHandler>> {
  const { stores } = offer
  const hasStores = stores !== undefined && stores.size > 0
  const content = hasStores ? (await import('./content-service.ts')).contentMethods(stores) : []
  return new Map<string, GrpcHandler>([
    ...content,
    ['/grpc.health.v1.Health/Check', (call) => reply(call, () => new MessageWriter().put(1, serving).finish())],
    ['/moby.filesync.v1.FileSync/DiffCopy', (call) => serveFiles(call, offer.folders)],
    [
      '/moby.filesync.v1.Auth/Credentials',
      (call) =>
        reply(call, async (request) => {
          const found = await offer.credentials(request.text(1))
          return new MessageWriter().put(1, found?.username).put(2, found?.secret).finish()
        }),
    ],
    [
      '/moby.buildkit.secrets.v1.Secrets/GetSecret',
      (call) =>
        reply(call, async (request) => {
          const id = request.text(1)
          const data = await offer.secret(id)
          if (data === undefined) throw new GrpcError(GRPC.notFound, `secret ${id}: not found`)
          return new MessageWriter().put(1, data).finish()
        }),
    ],
    [
      '/moby.sshforward.v1.SSH/CheckAgent',
      (call) =>
        reply(call, async (request) => {
          const agent = await offer.agent(request.text(1) === '' ? 'default' : request.text(1))
          if (agent === undefined) throw new GrpcError(GRPC.notFound, `unset ssh forward key ${request.text(1)}`)
          agent.destroy()
          return Buffer.alloc(0)
        }),
    ],
    ['/moby.sshforward.v1.SSH/ForwardAgent', (call) => forwardAgent(call, offer)],
  ])
}

async function reply(call: GrpcCall, answer: (request: Message) => Buffer | Promise<Buffer>): Promise<void> {
  for await (const message of call.messages()) {
    await call.send(await answer(new Message(message)))
    return
  }
}

async function forwardAgent(call: GrpcCall, offer: SessionOffer): Promise<void> {
  const id = call.metadata.get('buildkit.ssh.id')?.[0] ?? 'default'
  const agent = await offer.agent(id)
  if (agent === undefined) throw new GrpcError(GRPC.notFound, `unset ssh forward key ${id}`)
  agent.on('error', () => {})
  const outward = (async () => {
    for await (const chunk of agent as AsyncIterable<Buffer>) await call.send(wrap(chunk))
  })()
  const inward = (async () => {
    for await (const message of call.messages()) agent.write(new Message(message).bytes(bytesField))
    agent.end()
  })()
  try {
    // The agent has the last word: it may still have to answer when nothing more is asked.
    await Promise.race([outward, inward.then(() => outward)])
  } finally {
    agent.destroy()
  }
}

function wrap(bytes: Buffer): Buffer {
  return new MessageWriter().putBytes(bytesField, bytes).finish()
}

const tunnelBytes = 256 * 1024

/** A call whose messages are pieces of a stream of bytes. */
export function toDuplex(call: GrpcCall): Duplex {
  let resume: () => void = () => {}
  const duplex = new Duplex({
    writableHighWaterMark: tunnelBytes,
    readableHighWaterMark: tunnelBytes,
    read: () => resume(),
    write(chunk: Buffer, _encoding, done) {
      void tell(call.send(wrap(chunk)), done)
    },
    writev(chunks, done) {
      void tell(call.send(wrap(Buffer.concat(chunks.map((entry) => entry.chunk as Buffer)))), done)
    },
    final(done) {
      call.end()
      done()
    },
  })
  duplex.on('error', () => {})
  const pump = async (): Promise<void> => {
    for await (const message of call.messages()) {
      if (duplex.push(new Message(message).bytes(bytesField))) continue
      await new Promise<void>((resolve) => {
        resume = resolve
      })
    }
    duplex.push(null)
  }
  pump().catch((error: unknown) => duplex.destroy(toError(error)))
  return duplex
}

async function tell(sending: Promise<void>, done: (error?: Error) => void): Promise<void> {
  try {
    await sending
  } catch (error) {
    done(toError(error))
    return
  }
  done()
}
