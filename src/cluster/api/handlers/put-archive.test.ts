import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'

/** Archives for containers on an engine that would unpack them with a program out of the container (H-P6). */

let bed: EndpointBed
let container = ''
beforeAll(async () => {
  bed = await startEndpointBed([{ serverVersion: '28.5.2', images: ['busybox:latest'] }])
  const made = await bed.call('POST', '/v1.41/containers/create', { Image: 'busybox', Cmd: ['sleep', '1000'] })
  container = (JSON.parse(made.body) as { Id: string }).Id
})
afterAll(() => bed.close())

/** A tar archive of one file with text. */
function archive(name: string, text: string | Buffer = `of ${name}`): Promise<Buffer> {
  const made = pack()
  made.entry({ name }, text)
  made.finalize()
  return buffer(made)
}

const put = (body: Uint8Array): ReturnType<EndpointBed['call']> =>
  bed.call('PUT', `/v1.41/containers/${container}/archive?path=/`, body, { 'content-type': 'application/x-tar' })

const contentOf = (path: string): string | undefined =>
  bed.engines[0]?.state.containers.get(container)?.files.get(path)?.content.toString()

const arrivals = (): number => bed.engines[0]?.requests.filter(({ method }) => method === 'PUT').length ?? 0

describe('an archive for a container', () => {
  it('that is plain arrives as it is', async () => {
    expect(await put(await archive('plain'))).toMatchObject({ status: 200 })
    expect(contentOf('/plain')).toBe('of plain')
  })

  it('that is packed with gzip arrives unpacked', async () => {
    expect(await put(gzipSync(await archive('packed')))).toMatchObject({ status: 200 })
    expect(contentOf('/packed')).toBe('of packed')
  })

  it('that is packed with xz is refused before the engine sees it', async () => {
    const before = arrivals()
    const answer = await put(Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]), Buffer.alloc(2000)]))
    expect(answer.status).toBe(400)
    expect(answer.body).toContain('archives packed with xz are not passed on')
    expect(arrivals()).toBe(before)
  })

  it('that breaks off inside its packing is refused with the reason', async () => {
    const whole = gzipSync(await archive('broken', randomBytes(100_000)))
    const answer = await put(whole.subarray(0, whole.length / 2))
    expect(answer.status).toBe(400)
    expect(answer.body).toContain('the archive cannot be unpacked')
  })
})
