import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'
import { addLayeredImage, digestOf } from '../../../testing/fake-engine/layered-image.ts'

/** A name means one image on all nodes, whichever of them it was given on. */

let bed: EndpointBed
beforeEach(async () => {
  bed = await startEndpointBed([{ registry: ['app:1'] }, { registry: ['app:1'] }])
})
afterEach(() => bed.close())

async function build(node: string, layer: string, more: Readonly<Record<string, string>> = {}): Promise<void> {
  const buildargs = JSON.stringify({ 'constraint:node': `=${node}`, LAYER: layer, ...more })
  const answer = await bed.call(
    'POST',
    `/build?${new URLSearchParams({ t: 'app:1', buildargs }).toString()}`,
    'context',
  )
  expect(answer.status, answer.body).toBe(200)
}

let made = 0
async function create(node: string, image = 'app:1'): Promise<readonly string[]> {
  const body = { Image: image, Env: [`constraint:node==${node}`] }
  const answer = await bed.call('POST', `/containers/create?name=c${(made += 1)}0`, body)
  expect(answer.status, answer.body).toBe(201)
  return (JSON.parse(answer.body) as { Warnings: string[] }).Warnings
}

/** The layer of the image that a name stands for on a node. */
function layerOn(index: number, name = 'app:1'): string | undefined {
  return bed.engines[index]?.state.findImage(name)?.content?.layers.map(String).join()
}

describe('an image that is built again', () => {
  it('runs on nodes that have an older one under its name', async () => {
    for (const layer of ['first', 'second', 'third']) {
      await build('n1', layer)
      expect(await create('n2')).toEqual([])
      expect([layerOn(0), layerOn(1)]).toEqual([layer, layer])
    }
    await build('n2', 'fourth')
    await create('n1')
    expect(layerOn(0)).toBe('fourth')
  })

  it('is the one that is shown, pushed, saved and given more names', async () => {
    await build('n2', 'first')
    await create('n1')
    await build('n2', 'second')
    const shown = JSON.parse((await bed.call('GET', '/images/app:1/json')).body) as { Id: string }
    expect(shown.Id).toBe(bed.engines[1]?.state.findImage('app:1')?.id)
    for (const engine of bed.engines) engine.fail({ path: /push$/, fault: { kind: 'reply', status: 200, body: '{}' } })
    await bed.call('POST', '/images/app/push?tag=1')
    expect(bed.engines.map((engine) => engine.requests.some(({ path }) => path.endsWith('/push')))).toEqual([
      false,
      true,
    ])
    expect((await bed.call('POST', '/images/app:1/tag?repo=reg/app&tag=2')).status).toBe(201)
    expect([layerOn(0, 'reg/app:2'), layerOn(1, 'reg/app:2')]).toEqual([undefined, 'second'])
    expect((await bed.call('GET', '/images/get?names=app:1')).status).toBe(200)
    expect(bed.engines[1]?.requests.some(({ path }) => path.endsWith('/images/get'))).toBe(true)
  })

  it('is left where it is when the build failed, and when all nodes were given another', async () => {
    await build('n1', 'first')
    await create('n2')
    await build('n1', 'second', { FAIL: 'no luck' })
    await create('n2')
    expect(layerOn(1)).toBe('first')
    await build('n1', 'third')
    const pulled = await bed.call('POST', '/images/create?fromImage=app&tag=1')
    expect(pulled.body).not.toContain('error')
    await create('n2')
    expect(layerOn(1)).toBe(layerOn(0))
  })

  it('that cannot be copied leaves the older one, with a warning', async () => {
    await build('n1', 'first')
    await create('n2')
    await build('n1', 'second')
    bed.engines[1]?.fail({
      path: /images\/load$/,
      fault: { kind: 'status', status: 500, message: 'no space left on device' },
    })
    expect(await create('n2')).toEqual([
      expect.stringMatching(
        /^node n2 has another image under the name app:1 than node n1 was given last, which could not be copied: .*no space left/,
      ),
    ])
    expect(layerOn(1)).toBe('first')
  })
})

it('a name that is given back to an older image stands for that again', async () => {
  await build('n1', 'first')
  await bed.call('POST', '/images/app:1/tag?repo=app&tag=old')
  await build('n1', 'second')
  await create('n2')
  await bed.call('POST', '/images/app:old/tag?repo=app&tag=1')
  await create('n2')
  expect([layerOn(0), layerOn(1)]).toEqual(['first', 'first'])
})

describe('a tunnel to a builder', () => {
  /** Opens one, and does on its node what a builder would that tells of nothing. */
  async function buildThere(layer: string): Promise<() => Promise<void>> {
    const socket = connect(bed.port, '127.0.0.1')
    socket.write('POST /grpc HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
    let text = ''
    while (!/\r\n\r\nn\d\n/.test(text)) text += String((await once(socket, 'data'))[0])
    const engine = bed.engines[text.endsWith('n1\n') ? 0 : 1]
    if (engine === undefined) throw new Error('no such engine')
    addLayeredImage(engine.state, 'app:1', [Buffer.from(layer)])
    return async () => {
      const closed = once(socket, 'close')
      socket.destroy()
      await closed
    }
  }

  it('that is still open has given the names that are asked for', async () => {
    const end = await buildThere('first')
    const shown = await bed.call('GET', '/images/app:1/json')
    expect([shown.status, shown.body.includes(digestOf('first'))]).toEqual([200, true])
    expect((await bed.call('GET', '/images/json')).body).toContain('app:1')
    await end()
  })

  it('gives names for which other nodes have older images', async () => {
    const end = await buildThere('first')
    await create('n1')
    await create('n2')
    const endSecond = await buildThere('second')
    await create('n1')
    await create('n2')
    expect([layerOn(0), layerOn(1)]).toEqual(['second', 'second'])
    await endSecond()
    await end()
  })
})
