import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, startEndpointBed } from '../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../testing/endpoint-bed.ts'
import { addLayeredImage } from '../../testing/fake-engine/layered-image.ts'
import { watchContext } from './base-images.ts'

async function toTar(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const archive = pack()
  for (const [name, text] of Object.entries(files)) archive.entry({ name }, text)
  archive.finalize()
  const pieces: Buffer[] = []
  for await (const piece of archive) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

function cut(bytes: Buffer, size: number): readonly Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return pieces
}

describe('a context on its way', () => {
  const large = 'x'.repeat(300_000)
  const files = { 'a.txt': large, 'sub/Dockerfile': 'FROM no', './Dockerfile': 'FROM base:1', 'z.txt': large }

  it.each([
    ['plain', (tar: Buffer) => tar, 65_536],
    ['plain, in small pieces', (tar: Buffer) => tar, 777],
    ['gzip', (tar: Buffer) => gzipSync(tar, { level: 0 }), 10_000],
    ['gzip with more behind it', (tar: Buffer) => Buffer.concat([gzipSync(tar), Buffer.alloc(100_000, 7)]), 10_000],
  ])('%s: its Dockerfile is found, and its end waits for what follows from that', async (_, form, size) => {
    const bytes = form(await toTar(files))
    let finish: () => void = () => undefined
    const texts: string[] = []
    const watch = watchContext('./Dockerfile', (text) => {
      texts.push(text)
      return new Promise((resolve) => (finish = resolve))
    })
    const got: Buffer[] = []
    const reading = (async () => {
      for await (const piece of Readable.from(cut(bytes, size)).pipe(watch)) got.push(piece as Buffer)
    })()
    await expect.poll(() => texts).toEqual(['FROM base:1'])
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(Buffer.concat(got).length).toBeLessThanOrEqual(Math.max(0, bytes.length - 16 * 1024))
    finish()
    await reading
    expect(Buffer.concat(got).equals(bytes)).toBe(true)
    expect(texts).toHaveLength(1)
  })

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no archive', Buffer.alloc(100_000, 'text')],
    ['a gzip that breaks off', gzipSync(Buffer.alloc(1_000_000, 'x')).subarray(0, 500)],
    ['no gzip but its first bytes', Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(50_000, 1)])],
  ])('that is %s arrives as it was', async (_, bytes) => {
    const watch = watchContext('Dockerfile', () => Promise.reject(new Error('it found something')))
    const got = await Readable.from(cut(bytes, 5000)).pipe(watch).toArray()
    expect(Buffer.concat(got as Buffer[]).equals(bytes)).toBe(true)
  })

  it('ends with what its images ended with', async () => {
    const watch = watchContext('Dockerfile', () => Promise.reject(new Error('the client has gone')))
    await expect(
      Readable.from([await toTar(files)])
        .pipe(watch)
        .toArray(),
    ).rejects.toThrow('the client has gone')
  })
})

describe('a build whose images other nodes have', () => {
  let bed: EndpointBed
  beforeAll(async () => {
    bed = await startEndpointBed([{}, { apiVersion: '1.44' }, {}])
    give(0, 'one:1', 'first')
    give(2, 'two:1', 'second')
  })
  afterAll(() => bed.close())

  function give(index: number, tag: string, content: string): void {
    const { state } = bed.engines[index]!
    const image = addLayeredImage(state, tag, [Buffer.from(content)])
    state.emit('image', 'tag', image.id, { name: tag })
  }
  const tagsOn = (index: number): readonly string[] =>
    [...bed.engines[index]!.state.images.values()].flatMap(({ tags }) => [...tags])

  async function tunnel(headers: string): Promise<string> {
    const socket = connect(bed.port, '127.0.0.1')
    socket.write(`POST /grpc HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n${headers}\r\n`)
    let text = ''
    while (!/\r\n\r\n.*\n/.test(text)) text += String((await once(socket, 'data'))[0])
    socket.destroy()
    return text
  }

  it('gets them where its context names them, and those only', async () => {
    await expect.poll(async () => (await bed.call('GET', '/images/json')).body).toMatch(/one:1.*two:1|two:1.*one:1/)
    const dockerfile = 'ARG T\nFROM one:$T AS a\nFROM a\nCOPY --from=two:1 / /\nCOPY --from=nobody:1 / /\n'
    const context = await toTar({ 'sub/my.Dockerfile': dockerfile })
    const buildargs = JSON.stringify({ 'constraint:node': '=n2', T: '1' })
    const query = new URLSearchParams({ t: 'made:1', dockerfile: 'sub/my.Dockerfile', buildargs })
    const answer = await bed.call('POST', `/build?${query.toString()}`, context)
    expect(answer.body).toContain(`(${context.length} bytes)`)
    expect(tagsOn(1).toSorted()).toEqual(['made:1', 'one:1', 'two:1'])
  })

  it('gets none where it pulls them anew', async () => {
    give(0, 'fresh:1', 'third')
    const context = await toTar({ Dockerfile: 'FROM fresh:1\n' })
    const query = new URLSearchParams({ pull: '1', buildargs: JSON.stringify({ 'constraint:node': '=n2' }) })
    await bed.call('POST', `/build?${query.toString()}`, context)
    expect(tagsOn(1)).not.toContain('fresh:1')
  })

  it('through a tunnel gets those it names, on a node that is new enough', async () => {
    await expect.poll(async () => (await bed.call('GET', '/images/json')).body).toContain('fresh:1')
    const text = await tunnel('Flotilla-Base-Images: fresh:1,../no,,nobody:2\r\nFlotilla-Builder-Version: 1.44\r\n')
    expect(text).toMatch(/^HTTP\/1\.1 101 /)
    expect(text).toMatch(/\r\n\r\nn2\n/)
    expect(tagsOn(1)).toContain('fresh:1')
  })

  it('that needs a newer engine than there is fails before anything is sent', async () => {
    const answer = await ask(bed.port, 'POST', '/grpc', undefined, { 'flotilla-builder-version': '1.60' })
    expect(answer.status).toBe(500)
    expect(answer.body).toContain('no node can do this build: it needs an engine with API version 1.60 or newer')
  })
})
