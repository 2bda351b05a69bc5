import { request } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { startEndpoint } from '../cluster/endpoint.ts'
import type { EndpointOptions, RunningEndpoint } from '../cluster/endpoint.ts'
import { defaultFilters } from '../cluster/filters/default-filters.ts'
import { spreadStrategy } from '../cluster/strategies/spread.ts'
import type { Log } from '../core/log.ts'
import { systemClock } from '../io/clock.ts'
import { systemRandom } from '../io/random.ts'
import { startFakeEngine } from './fake-engine/fake-engine.ts'
import type { FakeEngine, FakeEngineOptions } from './fake-engine/fake-engine.ts'
import { startFaultProxy } from './fault-proxy.ts'
import type { FaultProxy } from './fault-proxy.ts'
import { memoryElection } from './memory-election.ts'
import type { MemoryElection } from './memory-election.ts'

export interface Answer {
  readonly status: number
  readonly body: string
}

/** A call that is under way. */
export interface OpenCall {
  readonly answer: Promise<Answer>
  /** The client goes away; `answer` rejects. */
  abort(): void
}

/** One of several managers; it reaches each engine through a proxy of its own. */
export interface BedManager {
  readonly endpoint: RunningEndpoint
  /** What it advertises. */
  readonly address: string
  readonly log: readonly string[]
  /** Ways to the engines, in their order. */
  readonly ways: readonly FaultProxy[]
  open(method: string, path: string, body?: unknown): OpenCall
  call(method: string, path: string, body?: unknown): Promise<Answer>
  /** The answer's JSON. */
  get<T>(path: string): Promise<T>
}

/** Several managers over the same fake engines, in one process. */
export interface ManagerBed {
  readonly engines: readonly FakeEngine[]
  readonly memory: MemoryElection
  /** The first leads, and all others have announced themselves to it. */
  readonly managers: readonly BedManager[]
  close(): Promise<void>
}

export interface ManagerBedOptions {
  readonly engines: readonly FakeEngineOptions[]
  readonly managers: number
  readonly endpoint?: Partial<EndpointOptions>
}

/** Starts engines, then managers one after the other. `close` must be called. */
export async function startManagerBed(options: ManagerBedOptions): Promise<ManagerBed> {
  const cleanups: (() => Promise<void> | void)[] = []
  async function close(): Promise<void> {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  }
  try {
    const engines: FakeEngine[] = []
    for (const each of options.engines) {
      const engine = await startFakeEngine(each)
      cleanups.push(() => engine.stop())
      engines.push(engine)
    }
    const memory = memoryElection()
    const managers: BedManager[] = []
    while (managers.length < options.managers) {
      managers.push(await startManager(engines, memory, options.endpoint ?? {}, cleanups))
    }
    const [first, ...others] = managers
    await eventually(async () => {
      const known = (await first?.get<{ readonly Others: readonly string[] }>('/flotilla/managers'))?.Others ?? []
      return others.every((each) => known.includes(each.address))
    }, 'word of all managers')
    return { engines, memory, managers, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function startManager(
  engines: readonly FakeEngine[],
  memory: MemoryElection,
  over: Partial<EndpointOptions>,
  cleanups: (() => Promise<void> | void)[],
): Promise<BedManager> {
  const log: string[] = []
  const note = (message: string): void => void log.push(message)
  const recording: Log = { debug() {}, info: note, warn: note, error: note }
  const ways = await Promise.all(engines.map((each) => startFaultProxy(targetOf(each))))
  cleanups.push(async () => void (await Promise.all(ways.map((each) => each.stop()))))
  const port = await freePort()
  const address = `127.0.0.1:${port}`
  const endpoint = await startEndpoint({
    discovery: {
      register: () => Promise.reject(new Error('not in a bed')),
      async *watch(call) {
        yield ways.map((way) => `127.0.0.1:${way.port}`)
        await new Promise<void>((resolve) => call?.signal?.addEventListener('abort', () => resolve()))
      },
    },
    listen: [{ kind: 'tcp', host: '127.0.0.1', port }],
    policy: { filters: defaultFilters, strategy: spreadStrategy },
    clock: systemClock,
    random: systemRandom,
    log: recording,
    watch: { probeMs: 100, failureRetry: 2 },
    replication: { leader: memory.leader(), address },
    ...over,
  })
  cleanups.push(() => endpoint.closeNow())
  await eventually(() => endpoint.cluster.healthyMembers().length === engines.length, 'all engines in service')
  const open: BedManager['open'] = (method, path, body) => openCall(port, method, path, body)
  const call: BedManager['call'] = (method, path, body) => open(method, path, body).answer
  return {
    endpoint,
    address,
    log,
    ways,
    open,
    call,
    async get<T>(path: string) {
      return JSON.parse((await call('GET', path)).body) as T
    },
  }
}

function targetOf({ endpoint }: FakeEngine): { readonly host: string; readonly port: number } {
  if (endpoint.kind !== 'tcp') throw new Error('a fake engine listens on TCP')
  return { host: endpoint.host, port: endpoint.port }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function openCall(port: number, method: string, path: string, body: unknown): OpenCall {
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = text === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
  const sent = request({ port, host: '127.0.0.1', method, path, agent: false, headers })
  const answer = new Promise<Answer>((resolve, reject) => {
    sent.on('error', reject)
    sent.on('response', (reply) => {
      let all = ''
      reply.setEncoding('utf8').on('data', (chunk: string) => (all += chunk))
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body: all }))
      reply.on('error', reject)
    })
    sent.end(text)
  })
  return { answer, abort: () => void sent.destroy() }
}

/** Waits until `check` holds. @throws when it does not in `limitMs`, with `what` it was */
export async function eventually(
  check: () => Promise<boolean> | boolean,
  what: string = 'what was waited for',
  limitMs: number = 30_000,
): Promise<void> {
  const start = Date.now()
  while (!(await check())) {
    if (Date.now() - start > limitMs) throw new Error(`${what} did not come about`)
    await systemClock.sleep(20)
  }
}

/** Names of the engines that have a container of that name. */
export function holdersOf(bed: Pick<ManagerBed, 'engines'>, name: string): readonly string[] {
  return bed.engines
    .filter((engine) => [...engine.state.containers.values()].some((each) => each.name === name))
    .map((engine) => engine.state.options.name ?? '')
}
