import { GRPC, GrpcError } from '../../io/h2/grpc.ts'
import type { GrpcCall } from '../../io/h2/grpc.ts'
import { WRITE, parseWriteRequest, renderWriteResponse } from './content-messages.ts'
import type { WriteRequest, WriteState } from './content-messages.ts'
import type { BlobDraft, OciLayout } from './oci-layout.ts'

interface Write {
  readonly draft: BlobDraft
  readonly startedMs: number
  updatedMs: number
  total: number
  expected: string
}

/** The writes under way, by folder and name: two of one name would mix. */
export class BlobWrites {
  readonly #active = new Map<OciLayout, Map<string, Write>>()

  /** @returns undefined: nothing of that name is being written */
  state(store: OciLayout, ref: string): WriteState | undefined {
    const write = this.#active.get(store)?.get(ref)
    return write === undefined ? undefined : toState(write)
  }

  states(store: OciLayout): readonly (readonly [string, WriteState])[] {
    return [...(this.#active.get(store) ?? [])].map(([ref, write]) => [ref, toState(write)] as const)
  }

  /** Serves one stream of messages, each of which is answered, that together write one blob. */
  async serve(call: GrpcCall, store: OciLayout): Promise<void> {
    let ref: string | undefined
    let write: Write | undefined
    try {
      for await (const message of call.messages()) {
        const request = parseWriteRequest(message)
        if (write === undefined) {
          ref = request.ref
          write = await this.#begin(store, request)
        } else if (request.ref !== '' && request.ref !== ref) {
          throw new GrpcError(GRPC.invalidArgument, 'one stream writes one blob')
        }
        if (await advance(write, request, store)) {
          await call.send(renderWriteResponse(request.action, toState(write)))
          return
        }
        await call.send(renderWriteResponse(request.action, toState(write)))
      }
    } finally {
      if (write !== undefined && ref !== undefined) {
        this.#active.get(store)?.delete(ref)
        await write.draft.abandon()
        await store.tidy()
      }
    }
  }

  async #begin(store: OciLayout, { ref, expected }: WriteRequest): Promise<Write> {
    if (!store.isWritable) throw new GrpcError(GRPC.permissionDenied, `${store.folder} is only read`)
    if (ref === '') throw new GrpcError(GRPC.failedPrecondition, 'first message of a write must name it')
    if (expected !== '') await refuseExisting(store, expected)
    const writes = this.#active.get(store) ?? new Map<string, Write>()
    this.#active.set(store, writes)
    const draft = await store.begin()
    if (writes.has(ref)) {
      await draft.abandon()
      // Who gets this answer tries again.
      throw new GrpcError(GRPC.unavailable, `ref ${ref} locked: it is being written`)
    }
    const nowMs = Date.now()
    const write = { draft, startedMs: nowMs, updatedMs: nowMs, total: 0, expected: '' }
    writes.set(ref, write)
    return write
  }
}

async function refuseExisting(store: OciLayout, digest: string): Promise<void> {
  if ((await store.facts(digest)) === undefined) return
  throw new GrpcError(GRPC.alreadyExists, `content ${digest}: already exists`)
}

/** @returns whether it is over */
async function advance(write: Write, request: WriteRequest, store: OciLayout): Promise<boolean> {
  const { draft } = write
  if (request.total > 0) write.total = request.total
  if (request.expected !== '') write.expected = request.expected
  if (request.action === WRITE.stat) return false
  if (request.data.length > 0) {
    if (request.offset === 0 && draft.bytes > 0) await draft.restart()
    if (request.offset !== draft.bytes) {
      throw new GrpcError(GRPC.outOfRange, `cannot write at ${request.offset}: ${draft.bytes} bytes are there`)
    }
    await draft.write(request.data)
    write.updatedMs = Date.now()
  }
  if (request.action !== WRITE.commit) return false
  if (write.total > 0 && draft.bytes !== write.total) {
    throw new GrpcError(GRPC.failedPrecondition, `${draft.bytes} bytes came in place of ${write.total}`)
  }
  const { digest } = draft
  if (write.expected !== '' && digest !== write.expected) {
    throw new GrpcError(GRPC.failedPrecondition, `${digest} came in place of ${write.expected}`)
  }
  await refuseExisting(store, digest)
  await draft.commit()
  return true
}

function toState({ draft, startedMs, updatedMs, total }: Write): WriteState {
  return { startedMs, updatedMs, offset: draft.bytes, total, digest: draft.digest }
}
