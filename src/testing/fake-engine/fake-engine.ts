import { setMaxListeners } from 'node:events'
import { rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { ContainerCreateBody, HealthState } from '../../engine/api/types.ts'
import type { Endpoint } from '../../engine/endpoint.ts'
import { systemClock } from '../../io/clock.ts'
import { createFakeContainer, needContainer, startFakeContainer } from './container-life.ts'
import { addFakeNetwork } from './network-handlers.ts'
import type { FakeEngineOptions, FakeFault, FakeRule, RecordedRequest } from './options.ts'
import { makeServer } from './server.ts'
import { FakeState } from './state.ts'

export type { FakeEngineOptions, FakeFault, FakeProgram, FakeRule, RecordedRequest } from './options.ts'

/** A fake Docker engine that listens. */
export interface FakeEngine {
  readonly endpoint: Endpoint
  readonly id: string
  readonly state: FakeState
  /** Every request so far, in order. */
  readonly requests: readonly RecordedRequest[]
  /** Adds a rule; the first that fits a request strikes. Returns its end. */
  fail(rule: FakeRule): () => void
  /** Adds a container past the API: cheap, and without a process unless `start`. Returns its id. */
  addContainer(
    body: ContainerCreateBody,
    o?: { readonly name?: string; readonly state?: 'created' | 'running' | 'exited'; readonly start?: boolean },
  ): string
  /** @param said what the check that says so printed */
  setHealth(id: string, health: HealthState['Status'], said?: string): void
  /** Ends all streams (events, logs, attached), as a restart of a proxy between would. */
  dropStreams(): void
  /** Destroys every connection; new ones are accepted. */
  dropConnections(): void
  /** Stops listening and ends everything, as a dead host would. Idempotent. `start` brings it back with its state. */
  stop(): Promise<void>
  /** Listens again at the same place. */
  start(): Promise<void>
}

/**
 * Starts a fake engine: an HTTP server in this process that keeps containers, images, networks and volumes
 * in memory, answers in an engine's words and can be told to misbehave. A thousand of them fit one process.
 */
export async function startFakeEngine(options: FakeEngineOptions = {}): Promise<FakeEngine> {
  const engine = new Fake(options)
  await engine.start()
  return engine
}

class Fake implements FakeEngine {
  readonly state: FakeState
  readonly requests: RecordedRequest[] = []
  readonly #options: FakeEngineOptions
  readonly #rules: { rule: FakeRule; left: number }[] = []
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #streams = makeStreams()
  #port = 0

  constructor(options: FakeEngineOptions) {
    this.#options = options
    this.state = new FakeState(options, options.clock ?? systemClock)
    for (const [name, driver] of [
      ['bridge', 'bridge'],
      ['host', 'host'],
      ['none', 'null'],
    ] as const) {
      addFakeNetwork(this.state, { Name: name, Driver: driver })
    }
    for (const image of options.images ?? []) this.state.addImage(image)
    this.state.events.length = 0
  }

  get id(): string {
    return this.state.id
  }

  get endpoint(): Endpoint {
    const { listen = { kind: 'tcp' }, tls } = this.#options
    if (listen.kind === 'unix') return { kind: 'unix', path: listen.path }
    const host = listen.host ?? '127.0.0.1'
    const plain = { kind: 'tcp', host, port: this.#port } as const
    return tls === undefined ? plain : { ...plain, tls: { isVerified: false } }
  }

  async start(): Promise<void> {
    if (this.#server !== undefined) return
    this.#streams = makeStreams()
    const server = makeServer(this.state, this.#options, {
      onRequest: (method, path, version, query) => this.#record(method, path, version, query),
      streamSignal: () => this.#streams.signal,
    })
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => this.#sockets.delete(socket))
    })
    const { listen = { kind: 'tcp' } } = this.#options
    if (listen.kind === 'unix') await rm(listen.path, { force: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      if (listen.kind === 'unix') server.listen(listen.path, resolve)
      else server.listen(this.#port === 0 ? (listen.port ?? 0) : this.#port, listen.host ?? '127.0.0.1', resolve)
    })
    if (listen.kind === 'tcp') this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    for (const container of this.state.containers.values()) container.process?.kill('SIGKILL')
    this.dropConnections()
    this.#streams.abort()
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
  }

  fail(rule: FakeRule): () => void {
    const entry = { rule, left: rule.times ?? Number.POSITIVE_INFINITY }
    this.#rules.push(entry)
    return () => {
      const index = this.#rules.indexOf(entry)
      if (index !== -1) this.#rules.splice(index, 1)
    }
  }

  addContainer(
    body: ContainerCreateBody,
    o: { readonly name?: string; readonly state?: 'created' | 'running' | 'exited'; readonly start?: boolean } = {},
  ): string {
    if (this.state.findImage(body.Image ?? '') === undefined) this.state.addImage(body.Image ?? '')
    const container = createFakeContainer(this.state, body, o.name ?? null)
    if (o.start === true) startFakeContainer(this.state, container)
    else {
      container.status = o.state ?? 'running'
      container.startedAtMs = container.status === 'created' ? 0 : this.state.clock.nowMs()
    }
    return container.id
  }

  setHealth(id: string, health: HealthState['Status'], said?: string): void {
    const container = needContainer(this.state, id)
    container.health = health
    const [atMs, exitCode] = [this.state.clock.nowMs(), health === 'unhealthy' ? 1 : 0]
    container.lastCheck = said === undefined ? undefined : { said, atMs, exitCode }
    // As often in a row as engines ask for where nothing else is said.
    container.failingStreak = 3 * exitCode
    this.state.emitContainer(container, `health_status: ${health}`)
  }

  dropStreams(): void {
    this.#streams.abort()
    this.#streams = makeStreams()
  }

  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #record(method: string, path: string, version: string, query: URLSearchParams): FakeFault | undefined {
    requestCount += 1
    const atMs = this.state.clock.nowMs()
    this.requests.push({ method, path, version, query: Object.fromEntries(query), atMs, order: requestCount })
    const entry = this.#rules.find(
      ({ rule, left }) =>
        left > 0 && (rule.method === undefined || rule.method === method) && (rule.path?.test(path) ?? true),
    )
    if (entry === undefined) return undefined
    entry.left -= 1
    return entry.rule.fault
  }
}

/** Requests to all fake engines so far: those of one millisecond have an order too. */
let requestCount = 0

/** Every answer under way waits for it. */
function makeStreams(): AbortController {
  const streams = new AbortController()
  setMaxListeners(0, streams.signal)
  return streams
}
