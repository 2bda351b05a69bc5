import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { systemClock } from '../../io/clock.ts'
import { requestWeb } from '../../io/http/web.ts'
import type { WebReply } from '../../io/http/web.ts'
import { systemRandom } from '../../io/random.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { ApiSettings } from '../api/call.ts'
import { startEndpoint } from '../endpoint.ts'
import { defaultFilters } from '../filters/default-filters.ts'
import { spreadStrategy } from '../strategies/spread.ts'
import { renderExposition } from './exposition.ts'
import { RouteMeter } from './meters.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

describe('a meter', () => {
  it('sorts requests by how long their reply took to begin', async () => {
    const clock = manualClock()
    const meter = new RouteMeter('GET', '/x', clock)
    for (const [ms, status] of [
      [0, 200],
      [1, 200],
      [3, 404],
      [2500, 200],
      [70_000, 504],
    ] as const) {
      const started = meter.start()
      await clock.advance(ms)
      meter.record(started, status)
    }
    expect([...meter.statuses]).toEqual([
      [200, 3],
      [404, 1],
      [504, 1],
    ])
    expect([...meter.buckets]).toEqual([2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])
    expect(meter.sumMs).toBe(72_504)
  })
})

describe('the text form', () => {
  it('escapes labels and help, writes odd numbers and leaves empty families out', () => {
    const text = renderExposition([
      {
        name: 'a',
        help: 'b\\c\nd',
        type: 'gauge',
        samples: [{ labels: { x: 'q"\\\n' }, value: 1.5 }, { value: Number.POSITIVE_INFINITY }],
      },
      { name: 'none', help: '', type: 'counter', samples: [] },
    ])
    expect(text).toBe('# HELP a b\\\\c\\nd\n# TYPE a gauge\na{x="q\\"\\\\\\n"} 1.5\na +Inf\n')
  })
})

interface Bed {
  readonly url: string
  ask(method: 'GET' | 'POST', path: string, body?: string): Promise<WebReply>
  /** Samples by name and labels as they stand in the text. */
  scrape(): Promise<ReadonlyMap<string, number>>
}

async function startBed(settings: Partial<ApiSettings> = {}): Promise<Bed> {
  const engine = await startFakeEngine({ name: 'n1', images: ['busybox:latest'] })
  cleanups.push(() => engine.stop())
  const where = engine.endpoint.kind === 'tcp' ? `${engine.endpoint.host}:${engine.endpoint.port}` : ''
  const endpoint = await startEndpoint({
    discovery: {
      async *watch() {
        yield [where, '127.0.0.1:1']
      },
      register: () => Promise.resolve(),
    },
    listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    policy: { filters: defaultFilters, strategy: spreadStrategy },
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    settings,
  })
  cleanups.push(() => endpoint.closeNow())
  const url = (endpoint.addresses[0] ?? '').replace('tcp:', 'http:')
  const bed: Bed = {
    url,
    ask: (method, path, body = '') =>
      requestWeb(
        { method, url: `${url}${path}`, body, headers: { 'Content-Type': 'application/json' } },
        {},
        systemClock,
      ),
    async scrape() {
      const { status, body } = await bed.ask('GET', '/flotilla/metrics')
      expect(status).toBe(200)
      const samples = new Map<string, number>()
      for (const line of body.split('\n').filter((each) => each !== '' && !each.startsWith('#'))) {
        const match = /^([a-z_]+(?:\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)+\})?) (\S+)$/.exec(line)
        expect(match, line).not.toBeNull()
        samples.set(match?.[1] ?? '', Number(match?.[2]))
      }
      return samples
    },
  }
  await expect.poll(async () => (await bed.scrape()).get('flotilla_engines{state="healthy"}')).toBe(1)
  return bed
}

describe('GET /flotilla/metrics', () => {
  it('shows engines, requests, refusals and the process', async () => {
    const bed = await startBed()
    const create = (name: string, image = 'busybox:latest'): Promise<WebReply> =>
      bed.ask('POST', `/v1.41/containers/create?name=${name}`, JSON.stringify({ Image: image }))
    expect((await create('web')).status).toBe(201)
    expect((await create('web')).status).toBe(409)
    expect((await bed.ask('POST', '/containers/web/start')).status).toBe(204)
    expect((await bed.ask('GET', '/containers/none/json')).status).toBe(404)
    expect((await bed.ask('GET', '/nothing')).status).toBe(404)
    await expect.poll(async () => (await bed.scrape()).get('flotilla_containers{state="running"}')).toBe(1)
    await expect
      .poll(async () => [...(await bed.scrape()).keys()].some((key) => key.startsWith('flotilla_engine_error')))
      .toBe(true)
    const samples = await bed.scrape()
    const wanted: Readonly<Record<string, number>> = {
      'flotilla_role{role="sole"}': 1,
      'flotilla_role{role="replica"}': 0,
      flotilla_leader_term: 0,
      'flotilla_engines{state="pending"}': 1,
      'flotilla_engine_up{node="",addr="127.0.0.1:1"}': 0,
      flotilla_pending_reservations: 0,
      'flotilla_turned_away_total{cause="name-taken"}': 1,
      'flotilla_turned_away_total{cause="connections"}': 0,
      'flotilla_requests_total{method="POST",route="/containers/create",status="201"}': 1,
      'flotilla_requests_total{method="POST",route="/containers/create",status="409"}': 1,
      'flotilla_requests_total{method="POST",route="/containers/*/start",status="204"}': 1,
      'flotilla_requests_total{method="GET",route="/containers/*/json",status="404"}': 1,
      'flotilla_requests_total{method="",route="unknown",status="404"}': 1,
      'flotilla_request_duration_seconds_bucket{method="POST",route="/containers/create",le="+Inf"}': 2,
      'flotilla_request_duration_seconds_count{method="POST",route="/containers/create"}': 2,
      'flotilla_connections{kind="busy"}': 1,
    }
    expect(Object.fromEntries(Object.keys(wanted).map((key) => [key, samples.get(key)]))).toEqual(wanted)
    const keys = [...samples.keys()]
    for (const start of [
      'flotilla_engine_up{node="n1"',
      'flotilla_engine_cache_age_seconds{node="n1"',
      'flotilla_engine_state_age_seconds{node="n1"',
      'flotilla_engine_event_lag_seconds{node="n1"',
      'flotilla_engine_requests_in_flight{node="n1"',
    ]) {
      expect(
        keys.filter((key) => key.startsWith(start)),
        start,
      ).toHaveLength(1)
    }
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(10_000_000)
    const delay = 'flotilla_event_loop_delay_seconds{quantile="max"}'
    await expect.poll(async () => (await bed.scrape()).get(delay)).toBeGreaterThanOrEqual(0)
  })

  it('counts a client that went away before its answer', async () => {
    const bed = await startBed({ isDebug: true })
    const socket = connect(Number(new URL(bed.url).port), '127.0.0.1')
    socket.write('GET /debug/pprof/heap?seconds=30 HTTP/1.1\r\nHost: x\r\n\r\n')
    await expect.poll(async () => (await bed.scrape()).get('flotilla_connections{kind="busy"}')).toBe(2)
    socket.destroy()
    const key = 'flotilla_requests_total{method="GET",route="/debug/pprof/heap",status="499"}'
    // A half-closed connection counts as gone a few seconds later.
    await expect.poll(async () => (await bed.scrape()).get(key), { timeout: 15_000 }).toBe(1)
  })
})

describe('/debug/pprof', () => {
  it('is not there without --debug', async () => {
    const bed = await startBed()
    for (const path of ['/debug/pprof/', '/debug/pprof', '/debug/pprof/heap?seconds=0.1', '/debug/pprof/profile']) {
      expect((await bed.ask('GET', path)).status, path).toBe(404)
    }
  })

  it('with it lists and records profiles, for a limited time and one at a time', async () => {
    const bed = await startBed({ isDebug: true })
    expect((await bed.ask('GET', '/debug/pprof/')).body).toContain('/debug/pprof/profile?seconds=10')
    for (const seconds of ['0', '-1', '61', 'x']) {
      expect((await bed.ask('GET', `/debug/pprof/profile?seconds=${seconds}`)).status, seconds).toBe(400)
    }
    const paths = ['/debug/pprof/profile?seconds=0.5', '/debug/pprof/heap?seconds=0.5']
    const answers = await Promise.all(paths.map((path) => bed.ask('GET', path)))
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 409])
    const cpu = await bed.ask('GET', '/debug/pprof/profile?seconds=0.1')
    expect(JSON.parse(cpu.body)).toMatchObject({ nodes: expect.any(Array), samples: expect.any(Array) })
    const heap = await bed.ask('GET', '/debug/pprof/heap?seconds=0.1')
    expect(JSON.parse(heap.body)).toMatchObject({ head: expect.any(Object) })
    expect(JSON.parse((await bed.ask('GET', '/info')).body)).toMatchObject({ Debug: true })
  })
})
