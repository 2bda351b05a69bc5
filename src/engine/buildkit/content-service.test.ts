import type { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Message, MessageWriter } from '../../core/protobuf.ts'
import { GRPC, GrpcClient, serveGrpc } from '../../io/h2/grpc.ts'
import type { GrpcCall } from '../../io/h2/grpc.ts'
import { WRITE } from './content-messages.ts'
import { contentMethods } from './content-service.ts'
import { OciLayout } from './oci-layout.ts'

/** The store against a builder made up here; test/e2e/compose-build.e2e.ts has the real one. */

const digestOf = (data: string | Buffer): string => `sha256:${createHash('sha256').update(data).digest('hex')}`
const service = '/containerd.services.content.v1.Content'

describe('a folder offered to a builder', () => {
  let folder = ''
  let client: GrpcClient

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'content-'))
    const [near, far] = duplexPair()
    const stores = new Map([
      ['read', new OciLayout(join(folder, 'read'))],
      ['write', new OciLayout(join(folder, 'write'), true)],
    ])
    mkdirSync(join(folder, 'read', 'blobs', 'sha256'), { recursive: true })
    serveGrpc(far, contentMethods(stores))
    client = new GrpcClient(near)
  })

  afterEach(() => {
    client.close(new Error('over'))
    rmSync(folder, { recursive: true })
  })

  function put(data: string): string {
    const digest = digestOf(data)
    writeFileSync(join(folder, 'read', 'blobs', 'sha256', digest.slice(7)), data)
    return digest
  }

  function ask(method: string, store: string | undefined, message: MessageWriter): Promise<Buffer> {
    const metadata = store === undefined ? [] : ([['buildkit-attachable-store-id', store]] as const)
    return client.ask(`${service}/${method}`, message.finish(), metadata)
  }

  async function read(digest: string, offset = 0, bytes = 0): Promise<string> {
    const call = client.call(`${service}/Read`, [['buildkit-attachable-store-id', 'read']])
    await call.send(new MessageWriter().put(1, digest).put(2, offset).put(3, bytes).finish())
    call.end()
    let text = ''
    for await (const message of call.messages()) {
      const answer = new Message(message)
      expect(answer.number(1)).toBe(offset + text.length)
      text += answer.text(2)
    }
    return text
  }

  /** A write: each request is answered before the next one is sent. */
  function openWrite(store = 'write'): {
    readonly call: GrpcCall
    readonly tell: (fields: {
      readonly action: number
      readonly ref?: string
      readonly total?: number
      readonly expected?: string
      readonly offset?: number
      readonly data?: string
    }) => Promise<Message>
  } {
    const call = client.call(`${service}/Write`, [['buildkit-attachable-store-id', store]])
    const answers = call.messages()
    return {
      call,
      tell: async ({ action, ref, total, expected, offset, data }) => {
        const message = new MessageWriter().put(1, action).put(2, ref).put(3, total).put(4, expected)
        await call.send(message.put(5, offset).put(6, data).finish())
        const { value, done } = await answers.next()
        if (done === true) throw new Error('no answer')
        return new Message(value)
      },
    }
  }

  const blobs = (): readonly string[] => readdirSync(join(folder, 'write', 'blobs', 'sha256'))

  it('tells what it holds, and sends the part that is asked for', async () => {
    const text = 'x'.repeat(300_000) + 'end'
    const digest = put(text)
    const info = new Message(new Message(await ask('Info', 'read', new MessageWriter().put(1, digest))).bytes(1))
    expect([info.text(1), info.number(2)]).toEqual([digest, text.length])
    expect(await read(digest)).toBe(text)
    expect(await read(digest, 299_999, 2)).toBe('xe')
    expect(await read(digest, 300_000, 99)).toBe('end')
    await expect(read(digest, 400_000)).rejects.toMatchObject({ status: GRPC.outOfRange })
    const other = put('other')
    const listed = new Message(await ask('List', 'read', new MessageWriter()))
    expect(
      listed
        .messages(1)
        .map((entry) => entry.text(1))
        .sort(),
    ).toEqual([digest, other].sort())
  })

  it('gives nothing that is no blob of the folder that is meant', async () => {
    writeFileSync(join(folder, 'secret'), 'secret')
    const info = (store: string | undefined, digest: string): Promise<Buffer> =>
      ask('Info', store, new MessageWriter().put(1, digest))
    await expect(info('read', '../../../secret')).rejects.toMatchObject({ status: GRPC.invalidArgument })
    await expect(read('sha256:../../../secret')).rejects.toMatchObject({ status: GRPC.invalidArgument })
    await expect(info('read', digestOf('gone'))).rejects.toMatchObject({ status: GRPC.notFound })
    await expect(info('other', put('a'))).rejects.toMatchObject({ status: GRPC.notFound })
    await expect(info(undefined, put('a'))).rejects.toMatchObject({ status: GRPC.invalidArgument })
  })

  it('changes nothing that was offered for reading', async () => {
    const digest = put('kept')
    const message = new MessageWriter().put(1, digest)
    for (const method of ['Delete', 'Update']) {
      await expect(ask(method, 'read', message)).rejects.toMatchObject({ status: GRPC.failedPrecondition })
    }
    const refused = openWrite('read').tell({ action: WRITE.stat, ref: 'r' })
    await expect(refused).rejects.toMatchObject({ status: GRPC.permissionDenied })
    expect(await read(digest)).toBe('kept')
  })

  it('takes a blob piece by piece, and has it only once it is whole and right', async () => {
    const digest = digestOf('onetwo')
    const { tell } = openWrite()
    expect((await tell({ action: WRITE.stat, ref: 'layer', total: 6, expected: digest })).number(4)).toBe(0)
    expect((await tell({ action: WRITE.write, data: 'one' })).number(4)).toBe(3)
    const status = new Message(await ask('Status', 'write', new MessageWriter().put(1, 'layer')))
    expect(new Message(status.bytes(1)).number(4)).toBe(3)
    expect(new Message(await ask('ListStatuses', 'write', new MessageWriter())).messages(1)).toHaveLength(1)
    expect(() => blobs()).toThrow('ENOENT')
    const end = await tell({ action: WRITE.commit, offset: 3, data: 'two', expected: digest })
    expect([end.number(1), end.number(4), end.text(6)]).toEqual([WRITE.commit, 6, digest])
    expect(blobs()).toEqual([digest.slice(7)])
    expect(readFileSync(join(folder, 'write', 'blobs', 'sha256', digest.slice(7)), 'utf8')).toBe('onetwo')
    const again = openWrite().tell({ action: WRITE.stat, ref: 'layer', expected: digest })
    await expect(again).rejects.toMatchObject({ status: GRPC.alreadyExists })
    await expect(ask('Status', 'write', new MessageWriter().put(1, 'layer'))).rejects.toMatchObject({
      status: GRPC.notFound,
    })
  })

  it('begins again where a write asks for it, and nowhere else', async () => {
    const { tell } = openWrite()
    await tell({ action: WRITE.write, ref: 'r', data: 'wrong' })
    await tell({ action: WRITE.write, offset: 0, data: 'ab' })
    const end = await tell({ action: WRITE.commit, offset: 2, data: 'c', total: 3 })
    expect(end.text(6)).toBe(digestOf('abc'))
    const gap = openWrite()
    await gap.tell({ action: WRITE.write, ref: 'r', data: 'a' })
    await expect(gap.tell({ action: WRITE.write, offset: 7, data: 'b' })).rejects.toMatchObject({
      status: GRPC.outOfRange,
    })
  })

  it.each([
    ['another digest', { expected: digestOf('other') }],
    ['another length', { total: 9 }],
  ])('leaves nothing of a blob of %s', async (_, wanted) => {
    const { tell } = openWrite()
    await tell({ action: WRITE.write, ref: 'r', data: 'data' })
    await expect(tell({ action: WRITE.commit, offset: 4, ...wanted })).rejects.toMatchObject({
      status: GRPC.failedPrecondition,
    })
    expect(readdirSync(join(folder, 'write'))).toEqual([])
  })

  it('has one write of a name at a time, and lets go of one that breaks off', async () => {
    const first = openWrite()
    await first.tell({ action: WRITE.write, ref: 'r', data: 'a' })
    await expect(openWrite().tell({ action: WRITE.stat, ref: 'r' })).rejects.toMatchObject({ status: GRPC.unavailable })
    await expect(openWrite().tell({ action: WRITE.stat })).rejects.toMatchObject({ status: GRPC.failedPrecondition })
    first.call.cancel(new Error('gone'))
    await expect
      .poll(async () => {
        const next = openWrite()
        return next.tell({ action: WRITE.commit, ref: 'r', data: 'a' }).then(
          (answer) => answer.text(6),
          () => '',
        )
      })
      .toBe(digestOf('a'))
    await expect.poll(() => readdirSync(join(folder, 'write'))).toEqual(['blobs'])
  })
})
