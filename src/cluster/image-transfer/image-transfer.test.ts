import { request } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { renderEndpoint } from '../../engine/endpoint-parse.ts'
import { systemClock } from '../../io/clock.ts'
import { systemRandom } from '../../io/random.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { addLayeredImage, digestOf } from '../../testing/fake-engine/layered-image.ts'
import { nodes } from '../discovery/nodes.ts'
import { startEndpoint } from '../endpoint.ts'
import type { EndpointOptions } from '../endpoint.ts'
import { defaultFilters } from '../filters/default-filters.ts'
import { spreadStrategy } from '../strategies/spread.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const base = Buffer.alloc(100_000, 'base')
const middle = Buffer.alloc(50_000, 'middle')
const top = Buffer.alloc(10_000, 'top')
const blob = (layer: Buffer): string => `blobs/sha256/${digestOf(layer).slice(7)}`

interface Bed {
  readonly engines: readonly FakeEngine[]
  create(
    name: string,
    image: string,
    o?: { node?: number; platform?: string },
  ): Promise<{ status: number; body: string }>
  tagsOn(index: number): readonly string[]
}

async function startBed(
  count: number,
  prepare: (engines: readonly FakeEngine[]) => void,
  o: Partial<EndpointOptions> = {},
): Promise<Bed> {
  const engines: FakeEngine[] = []
  for (let index = 1; index <= count; index += 1) {
    const engine = await startFakeEngine({ name: `n${index}` })
    cleanups.push(() => engine.stop())
    engines.push(engine)
  }
  prepare(engines)
  const addresses = engines.map((engine) => renderEndpoint(engine.endpoint).replace('tcp://', '')).join(',')
  const endpoint = await startEndpoint({
    discovery: nodes(addresses, { clock: systemClock, log: silentLog, heartbeatMs: 1000, options: new Map() }),
    listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    policy: { filters: defaultFilters, strategy: spreadStrategy },
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    ...o,
  })
  cleanups.push(() => endpoint.closeNow())
  const port = Number(new URL(endpoint.addresses[0] ?? '').port)
  for (let left = 6000; endpoint.cluster.healthyMembers().length < count; left -= 1) {
    if (left === 0) throw new Error('the engines did not come up')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return {
    engines,
    create: (name, image) =>
      post(port, `/containers/create?name=${name}`, { Image: image, Env: ['constraint:node==n2'] }),
    tagsOn: (index) => [...(engines[index]?.state.images.values() ?? [])].flatMap((image) => [...image.tags]),
  }
}

function post(port: number, path: string, body: unknown): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ port, method: 'POST', path, headers: { 'content-type': 'application/json' } }, (reply) => {
      let text = ''
      reply.on('data', (chunk: Buffer) => (text += chunk.toString()))
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body: text }))
    })
    call.on('error', reject)
    call.end(JSON.stringify(body))
  })
}

/** n1 has base, middle and top as `app:1`; n2 has the base. */
function prepare([first, second]: readonly FakeEngine[]): void {
  if (first === undefined || second === undefined) throw new Error('two engines')
  addLayeredImage(first.state, 'app:1', [base, middle, top])
  addLayeredImage(second.state, 'base:1', [base])
}

type ManifestLine = Readonly<Record<string, unknown>>

function spoilManifest(
  name: string,
  content: Buffer,
  change: (first: ManifestLine) => readonly ManifestLine[],
): Buffer {
  if (name !== 'manifest.json') return content
  const [first] = JSON.parse(content.toString()) as readonly ManifestLine[]
  return Buffer.from(JSON.stringify(change(first ?? {})))
}

describe('image transfer', () => {
  it('sends what is missing, then names it', async () => {
    const bed = await startBed(2, prepare)
    expect(await bed.create('web', 'app:1')).toMatchObject({ status: 201 })
    const loads = bed.engines[1]?.state.loads ?? []
    expect(loads).toHaveLength(1)
    expect(loads[0]).not.toContain(blob(base))
    expect(loads[0]).toEqual(expect.arrayContaining([blob(middle), blob(top), 'manifest.json']))
    expect(bed.tagsOn(1)).toEqual(['base:1', 'app:1'])
    expect(bed.engines[1]?.requests.filter(({ path }) => path === '/images/create')).toEqual([])
  })

  it('many creates at once are one copy', async () => {
    const bed = await startBed(2, prepare)
    const answers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => bed.create(`web-${name}`, 'app:1')))
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201])
    expect(bed.engines[1]?.state.loads).toHaveLength(1)
  })

  it('an image asked for by its ID gets no name', async () => {
    const bed = await startBed(2, prepare)
    const [image] = bed.engines[0]?.state.images.values() ?? []
    expect(await bed.create('web', image?.id ?? '')).toMatchObject({ status: 201 })
    expect(bed.tagsOn(1)).toEqual(['base:1'])
  })

  it('a layer that is pruned in mid-transfer is sent after all', async () => {
    const bed = await startBed(2, prepare)
    const target = bed.engines[1]!
    // The engine forgets the base between the question and the load.
    bed.engines[0]!.state.archiveFaults = {
      spoil: (_, content) => {
        target.state.images.clear()
        return content
      },
    }
    expect(await bed.create('web', 'app:1')).toMatchObject({ status: 201 })
    expect(target.state.loads).toHaveLength(2)
    expect(target.state.loads[1]).toContain(blob(base))
    expect(bed.tagsOn(1)).toEqual(['app:1'])
  })

  it.each<[string, (name: string, content: Buffer) => Buffer | undefined]>([
    ['lacks a layer', (name, content) => (name === blob(top) ? undefined : content)],
    ['has another layer in its place', (name, content) => (name === blob(top) ? Buffer.from('evil') : content)],
    ['is of another image', (name, content) => (name === 'manifest.json' ? Buffer.from('[]') : content)],
    ['is no archive', () => undefined],
  ])('nothing is named when what the source sends %s, and another source is asked', async (_, spoil) => {
    const bed = await startBed(3, (engines) => {
      prepare(engines)
      addLayeredImage(engines[2]!.state, 'app:1', [base, middle, top])
      engines[0]!.state.archiveFaults = { spoil }
    })
    expect(await bed.create('web', 'app:1')).toMatchObject({ status: 201 })
    expect(bed.tagsOn(1)).toEqual(['base:1', 'app:1'])

    const alone = await startBed(2, (engines) => {
      prepare(engines)
      engines[0]!.state.archiveFaults = { spoil }
    })
    expect(await alone.create('web', 'app:1')).toMatchObject({ status: 404 })
    expect(alone.tagsOn(1)).toEqual(['base:1'])
    expect(alone.engines[1]!.state.loads.length).toBeLessThanOrEqual(3)
  })

  it('a source that names other layers than it has is found out', async () => {
    const bed = await startBed(2, (engines) => {
      prepare(engines)
      const [image] = engines[0]!.state.images.values()
      // It claims a lower layer that the target has, which the archive would then lack.
      addLayeredImage(engines[1]!.state, 'other:1', [middle])
      engines[0]!.fail({
        method: 'GET',
        path: /^\/images\/sha256[^/]*\/json$/,
        fault: {
          kind: 'reply',
          body: JSON.stringify({
            Id: image?.id,
            Os: 'linux',
            Architecture: 'amd64',
            RootFS: { Type: 'layers', Layers: [digestOf(middle), digestOf(top)] },
          }),
        },
      })
    })
    expect(await bed.create('web', 'app:1')).toMatchObject({ status: 201 })
    // The content is what the ID says, whatever was claimed.
    const image = bed.engines[1]!.state.findImage('app:1')
    expect(image?.content?.layers.map((layer) => digestOf(layer))).toEqual([base, middle, top].map(digestOf))
  })

  it.each<[string, (name: string, content: Buffer) => Buffer]>([
    [
      'names what it sends',
      (name, content) => spoilManifest(name, content, (first) => [{ ...first, RepoTags: ['base:1'] }]),
    ],
    [
      'sends a second image with a name',
      (name, content) => spoilManifest(name, content, (first) => [first, { ...first, RepoTags: ['base:1'] }]),
    ],
  ])('a source that %s gives no name to anything on the target', async (_, spoil) => {
    const bed = await startBed(2, (engines) => {
      prepare(engines)
      engines[0]!.state.archiveFaults = { spoil }
    })
    const meant = bed.engines[1]!.state.findImage('base:1')?.id
    expect(await bed.create('web', 'app:1')).toMatchObject({ status: 404 })
    expect(bed.engines[1]!.state.findImage('base:1')?.id).toBe(meant)
    expect(bed.tagsOn(1)).toEqual(['base:1'])
  })

  it('a source that dies in mid-stream is replaced, or the registry is asked', async () => {
    const bed = await startBed(3, (engines) => {
      prepare(engines)
      addLayeredImage(engines[2]!.state, 'app:1', [base, middle, top])
      engines[0]!.state.archiveFaults = { dieAt: /manifest/ }
    })
    expect(await bed.create('web', 'app:1')).toMatchObject({ status: 201 })
    expect(bed.tagsOn(1)).toEqual(['base:1', 'app:1'])

    const alone = await startBed(2, (engines) => {
      prepare(engines)
      engines[0]!.state.archiveFaults = { dieAt: /manifest/ }
    })
    await alone.create('web', 'app:1')
    expect(alone.tagsOn(1)).toEqual(['base:1'])
    expect(alone.engines[1]!.requests.some(({ path }) => path === '/images/create')).toBe(true)
  })

  it('a full disk is told in the words of the engine', async () => {
    const bed = await startBed(2, (engines) => {
      prepare(engines)
      engines[1]!.state.archiveFaults = { loadError: 'write /var/lib/docker/tmp/x: no space left on device' }
    })
    const answer = await bed.create('web', 'app:1')
    expect([answer.status, JSON.parse(answer.body)]).toEqual([
      500,
      { message: 'node n2: write /var/lib/docker/tmp/x: no space left on device' },
    ])
    expect(bed.engines[1]!.state.loads).toHaveLength(1)
  })

  it('an image for other machines is not copied', async () => {
    const bed = await startBed(2, ([first]) => {
      addLayeredImage(first!.state, 'app:1', [base], { architecture: 'arm64' })
    })
    expect(await bed.create('web', 'app:1')).toMatchObject({ status: 404 })
    expect(bed.engines[1]!.state.loads).toEqual([])
  })

  it('with distribution off nodes ask registries only', async () => {
    const bed = await startBed(2, prepare, { distribution: 'pull' })
    expect(await bed.create('web', 'app:1')).toMatchObject({ status: 404 })
    expect(bed.engines[1]!.state.loads).toEqual([])
  })
})
