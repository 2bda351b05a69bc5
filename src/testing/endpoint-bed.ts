import { request } from 'node:http'
import { nodes } from '../cluster/discovery/nodes.ts'
import { startEndpoint } from '../cluster/endpoint.ts'
import type { EndpointOptions, RunningEndpoint } from '../cluster/endpoint.ts'
import { defaultFilters } from '../cluster/filters/default-filters.ts'
import { spreadStrategy } from '../cluster/strategies/spread.ts'
import { silentLog } from '../core/log.ts'
import { renderEndpoint } from '../engine/endpoint-parse.ts'
import { systemClock } from '../io/clock.ts'
import { systemRandom } from '../io/random.ts'
import { startFakeEngine } from './fake-engine/fake-engine.ts'
import type { FakeEngine, FakeEngineOptions } from './fake-engine/fake-engine.ts'

export interface BedAnswer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
}

/** An endpoint over fake engines, all in this process. `close` must be called. */
export interface EndpointBed {
  readonly engines: readonly FakeEngine[]
  readonly endpoint: RunningEndpoint
  readonly port: number
  /** A body that is no text or bytes is sent as JSON. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<BedAnswer>
  close(): Promise<void>
}

/** Engines are called `n1`, `n2`, … unless told otherwise. Resolves when all are healthy. */
export async function startEndpointBed(
  options: readonly FakeEngineOptions[],
  more: Partial<EndpointOptions> = {},
): Promise<EndpointBed> {
  const engines: FakeEngine[] = []
  for (const [index, each] of options.entries()) engines.push(await startFakeEngine({ name: `n${index + 1}`, ...each }))
  const endpoint = await startManagerOver(engines, more)
  const port = Number(new URL(endpoint.addresses[0] ?? '').port)
  async function close(): Promise<void> {
    endpoint.closeNow()
    for (const engine of engines) await engine.stop()
  }
  const untilMs = systemClock.monotonicMs() + 20_000
  while (endpoint.cluster.healthyMembers().length < engines.length) {
    if (systemClock.monotonicMs() > untilMs) {
      await close()
      throw new Error('the fake engines did not become healthy')
    }
    await systemClock.sleep(5)
  }
  return { engines, endpoint, port, call: (...args) => ask(port, ...args), close }
}

/** A manager over fake engines, whatever state they are in. The caller closes it with `closeNow`. */
export function startManagerOver(
  engines: readonly Pick<FakeEngine, 'endpoint'>[],
  more: Partial<EndpointOptions> = {},
): Promise<RunningEndpoint> {
  const addresses = engines.map((engine) => renderEndpoint(engine.endpoint).replace('tcp://', ''))
  return startEndpoint({
    discovery: nodes(addresses.join(','), {
      clock: systemClock,
      log: silentLog,
      heartbeatMs: 1000,
      options: new Map(),
    }),
    listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    policy: { filters: defaultFilters, strategy: spreadStrategy },
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    ...more,
  })
}

/** One request to an endpoint of this machine. */
export function ask(
  port: number,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<BedAnswer> {
  return new Promise((resolve, reject) => {
    const isRaw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body)
    const bytes = isRaw ? Buffer.from(body ?? '') : Buffer.from(JSON.stringify(body))
    const length = bytes.length === 0 ? {} : { 'content-length': bytes.length }
    const type = isRaw ? {} : { 'content-type': 'application/json' }
    const sent = request(
      { port, host: '127.0.0.1', method, path, agent: false, headers: { ...type, ...length, ...headers } },
      (reply) => {
        let all = ''
        reply.setEncoding('utf8').on('data', (chunk: string) => (all += chunk))
        reply.on('end', () => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: all }))
        reply.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(bytes)
  })
}
