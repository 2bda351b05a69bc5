import { Buffer } from 'node:buffer'
import { Message, MessageWriter } from '../../core/protobuf.ts'
import { isFlotillaError } from '../../core/errors.ts'
import { GRPC, GrpcError } from '../../io/h2/grpc.ts'
import type { GrpcCall, GrpcHandler } from '../../io/h2/grpc.ts'
import {
  parseReadRequest,
  renderInfoResponse,
  renderListResponse,
  renderReadResponse,
  renderStatus,
} from './content-messages.ts'
import type { ContentInfo } from './content-messages.ts'
import { BlobWrites } from './content-write.ts'
import type { OciLayout } from './oci-layout.ts'

/** Says which of the offered folders a call means (moby/buildkit session/content). */
const storeKey = 'buildkit-attachable-store-id'
const chunkBytes = 256 * 1024
const listLength = 100

/**
 * Serves folders of blobs to a builder, each under a name of its own: images to build from, and caches. Nothing of them
 * can be changed or deleted, and written to are only those that were offered for it.
 */
export function contentMethods(stores: ReadonlyMap<string, OciLayout>): ReadonlyMap<string, GrpcHandler> {
  const writes = new BlobWrites()
  const service = '/containerd.services.content.v1.Content'
  const handlers: Readonly<Record<string, (call: GrpcCall, store: OciLayout) => Promise<void>>> = {
    Info: sendInfo,
    List: sendList,
    Read: sendBlob,
    Status: (call, store) =>
      answer(call, (request) => {
        const state = writes.state(store, request.text(1))
        if (state === undefined) throw new GrpcError(GRPC.notFound, `no write ${request.text(1)}`)
        return new MessageWriter().putBytes(1, renderStatus(request.text(1), state)).finish()
      }),
    ListStatuses: (call, store) =>
      answer(call, () => {
        const writer = new MessageWriter()
        for (const [ref, state] of writes.states(store)) writer.putBytes(1, renderStatus(ref, state))
        return writer.finish()
      }),
    Write: (call, store) => writes.serve(call, store),
    // A write that ends without a commit leaves nothing; one that goes on ends with its stream.
    Abort: (call) => answer(call, () => Buffer.alloc(0)),
    Update: refuse,
    Delete: refuse,
  }
  return new Map(
    Object.entries(handlers).map(([name, handler]): readonly [string, GrpcHandler] => [
      `${service}/${name}`,
      async (call) => {
        try {
          await handler(call, chooseStore(call, stores))
        } catch (error) {
          const isInvalid = isFlotillaError(error) && error.code === 'io/protocol'
          throw isInvalid ? new GrpcError(GRPC.invalidArgument, error.message) : error
        }
      },
    ]),
  )
}

function chooseStore(call: GrpcCall, stores: ReadonlyMap<string, OciLayout>): OciLayout {
  const id = call.metadata.get(storeKey)?.[0]
  if (id === undefined) throw new GrpcError(GRPC.invalidArgument, `request lacks metadata "${storeKey}"`)
  const store = stores.get(id)
  if (store === undefined) throw new GrpcError(GRPC.notFound, `unknown store ${id}`)
  return store
}

async function answer(call: GrpcCall, reply: (request: Message) => Buffer | Promise<Buffer>): Promise<void> {
  for await (const message of call.messages()) {
    await call.send(await reply(new Message(message)))
    return
  }
}

async function refuse(): Promise<void> {
  throw new GrpcError(GRPC.failedPrecondition, 'what the folder holds cannot be changed')
}

async function infoOf(store: OciLayout, digest: string): Promise<ContentInfo> {
  const facts = await store.facts(digest)
  if (facts === undefined) throw new GrpcError(GRPC.notFound, `content ${digest}: not found in ${store.folder}`)
  return { digest, ...facts }
}

function sendInfo(call: GrpcCall, store: OciLayout): Promise<void> {
  return answer(call, async (request) => renderInfoResponse(await infoOf(store, request.text(1))))
}

/** Filters are left aside: the asker sees more than it wants. */
async function sendList(call: GrpcCall, store: OciLayout): Promise<void> {
  const digests = await store.digests()
  for (let at = 0; at < digests.length; at += listLength) {
    const part = digests.slice(at, at + listLength).map((digest) => infoOf(store, digest))
    await call.send(renderListResponse(await Promise.all(part)))
  }
}

async function sendBlob(call: GrpcCall, store: OciLayout): Promise<void> {
  for await (const message of call.messages()) {
    const { digest, offset, bytes } = parseReadRequest(message)
    const info = await infoOf(store, digest)
    if (offset > info.bytes) {
      throw new GrpcError(GRPC.outOfRange, `${digest} has ${info.bytes} bytes, and is to be read from ${offset}`)
    }
    const end = bytes === 0 ? info.bytes : Math.min(info.bytes, offset + bytes)
    const file = await store.openBlob(digest)
    try {
      const buffer = Buffer.allocUnsafe(chunkBytes)
      for (let at = offset; at < end;) {
        const { bytesRead } = await file.read(buffer, 0, Math.min(chunkBytes, end - at), at)
        if (bytesRead === 0) throw new GrpcError(GRPC.dataLoss, `${digest} ends before its end`)
        await call.send(renderReadResponse(at, buffer.subarray(0, bytesRead)))
        at += bytesRead
      }
    } finally {
      await file.close()
    }
    return
  }
}
