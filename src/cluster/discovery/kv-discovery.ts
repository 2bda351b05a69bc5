import type { CallOptions } from '../../core/call.ts'
import { makeChildAbort } from '../../core/child-abort.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { backoffDelays } from '../../core/retry.ts'
import { parseStoreAddress } from '../../io/kv/address.ts'
import type { Kv, KvEntry } from '../../io/kv/kv.ts'
import { defaultPorts, isStoreKind, openKv } from '../../io/kv/open-kv.ts'
import type { StoreKind } from '../../io/kv/open-kv.ts'
import { systemRandom } from '../../io/random.ts'
import { makeKvLeader } from '../leader/kv-lock.ts'
import type { Leader } from '../leader/leader.ts'
import { dueInMs, nothingListed, settle, takeReading } from './absent.ts'
import type { Listed } from './absent.ts'
import type { Discovery, DiscoveryContext } from './discovery.ts'
import { joinProblems, parseEntries, toSet } from './parse-entries.ts'

/**
 * A store that a discovery URL names, opened once for everything the cluster keeps there. `openClusterStore` makes one:
 *
 *     const store = await openClusterStore('etcd://10.0.0.1:2379/prod', context)
 *     store.discovery             // engines below <prefix>/docker/swarm/nodes
 *     store.makeLeader(20_000)    // election at <prefix>/docker/swarm/leader
 *     store.kv.put(store.toKey('flotilla/drained/node1'), …)   // <prefix>/docker/swarm/flotilla/drained/node1
 */
export interface ClusterStore {
  readonly kv: Kv
  readonly discovery: Discovery
  /** @param ttlMs how long a leader that died is still believed in */
  makeLeader(ttlMs: number): Leader
  /** Full key of a record of this cluster: `<prefix>/docker/swarm/<path>`. */
  toKey(path: string): string
  close(): Promise<void>
}

const swarmPath = 'docker/swarm'
const defaultNodesPath = `${swarmPath}/nodes`

/**
 * Opens the store of a discovery URL. Connects to nothing yet, so it succeeds while the store is down.
 *
 * @throws {cluster/discovery} for another scheme or a malformed address
 */
export async function openClusterStore(address: string, context: DiscoveryContext): Promise<ClusterStore> {
  const cut = address.indexOf('://')
  const kind = address.slice(0, Math.max(0, cut))
  if (!isStoreKind(kind)) throw new FlotillaError('cluster/discovery', `${kind || 'nodes'}:// is not a key-value store`)
  const { endpoints, prefix, credentials } = parseStoreAddress(address.slice(cut + 3), defaultPorts[kind])
  const { clock, options, storeTls } = context
  const [token, namespace] = [options.get('kv.token'), options.get('kv.namespace')]
  const more = { credentials, token, namespace, tls: storeTls, clock, random: systemRandom }
  const kv = await openKv(kind, { endpoints, ...more }, options.get('kv.api'))
  return makeClusterStore(kv, prefix, context)
}

/** The same over a client that is already there. */
export function makeClusterStore(kv: Kv, prefix: string, context: DiscoveryContext): ClusterStore {
  const within = (path: string): string => (prefix === '' ? path : `${prefix}/${path}`)
  const { clock, log } = context
  const folder = within((context.options.get('kv.path') ?? defaultNodesPath).replace(/^\/+|\/+$/g, ''))
  return {
    kv,
    discovery: new KvDiscovery(kv, folder, context),
    makeLeader: (ttlMs) => makeKvLeader({ kv, key: within(`${swarmPath}/leader`), ttlMs, clock, log }),
    toKey: (path) => within(`${swarmPath}/${path}`),
    close: () => kv.close(),
  }
}

/** Back ends made from a URL's rest open their store at the first use. */
export function makeStoreDiscovery(kind: StoreKind, rest: string, context: DiscoveryContext): Discovery {
  let opened: Promise<ClusterStore> | undefined
  let hasRegistered = false
  const open = (): Promise<ClusterStore> => (opened ??= openClusterStore(`${kind}://${rest}`, context))
  async function close(): Promise<void> {
    const store = opened
    opened = undefined
    if (store !== undefined) await (await store).close()
  }
  return {
    async *watch(o = {}) {
      try {
        yield* (await open()).discovery.watch(o)
      } finally {
        if (!hasRegistered) await close()
      }
    },
    async register(addr, ttlMs, o) {
      hasRegistered = true
      await (await open()).discovery.register(addr, ttlMs, o)
    },
    close,
  }
}

/** A value that is longer is no address. */
const maxAddress = 300
const complainEveryMs = 60_000

class KvDiscovery implements Discovery {
  readonly #kv: Kv
  readonly #folder: string
  readonly #context: DiscoveryContext
  #complaint = ''
  #saidMs = Number.NEGATIVE_INFINITY

  constructor(kv: Kv, folder: string, context: DiscoveryContext) {
    this.#kv = kv
    this.#folder = folder
    this.#context = context
  }

  async register(addr: string, ttlMs: number, o?: CallOptions): Promise<void> {
    const problem = parseEntries([addr]).problems[0]
    if (problem !== undefined) throw new FlotillaError('cluster/discovery', problem)
    await this.#kv.announce(`${this.#folder}/${addr}`, addr, ttlMs, o)
  }

  async *watch(o: CallOptions = {}): AsyncGenerator<readonly string[], void> {
    const { clock, log, heartbeatMs, known } = this.#context
    let listed = nothingListed
    let isOut = false
    for await (const step of this.#follow(o, () => dueInMs(listed, clock.monotonicMs()))) {
      const nowMs = clock.monotonicMs()
      const before = listed.told
      if (step === 'out') {
        isOut = true
        if (before === undefined) listed = await this.#recall()
      } else if (step === 'due') listed = settle(listed, nowMs)
      else {
        if (isOut) log.info(`Discovery: ${this.#kv.name} answers again`)
        const taken = takeReading(listed, this.#read(step), { nowMs, heartbeatMs, isAfterOutage: isOut })
        listed = taken.listed
        isOut = false
        if (taken.isSuspicious) log.warn(`${this.#name} lists no engines any more: keeping the known ones for now`)
      }
      if (listed.told === undefined || listed.told === before) continue
      if (step !== 'out') await known?.write(listed.told)
      yield listed.told
    }
  }

  /** The engines of the last run stand in for those of a store that is silent; as after any outage, it is given time. */
  async #recall(): Promise<Listed> {
    const addresses = (await this.#context.known?.read()) ?? []
    if (addresses.length === 0) return nothingListed
    this.#context.log.warn(
      `Discovery: ${this.#kv.name} does not answer: beginning with what the last run knew, ${addresses.length} engine${addresses.length === 1 ? '' : 's'}`,
    )
    return { ...nothingListed, told: addresses, latest: addresses }
  }

  get #name(): string {
    return `${this.#kv.name}, key ${this.#folder}`
  }

  /** Readings, outages (once for each failure), and moments at which something held back is due. */
  async *#follow(
    o: CallOptions,
    dueIn: () => number | undefined,
  ): AsyncGenerator<readonly KvEntry[] | 'out' | 'due', void> {
    const { clock, heartbeatMs } = this.#context
    const backoff = { firstMs: 1000, maxMs: Math.max(1000, Math.min(heartbeatMs, 30_000)), jitterRatio: 0.3 }
    let delays = backoffDelays(backoff, systemRandom)
    const isAborted = (): boolean => o.signal?.aborted === true
    while (!isAborted()) {
      const stop = makeChildAbort(o.signal)
      const how = { signal: stop.signal, rereadMs: heartbeatMs }
      const readings = this.#kv.watch(this.#folder, how)[Symbol.asyncIterator]()
      try {
        let next = readings.next()
        for (;;) {
          const result = await raceTime(next, dueIn(), clock, o.signal)
          if (result === 'due') {
            yield 'due'
            continue
          }
          if (result.done === true) break
          delays = backoffDelays(backoff, systemRandom)
          yield result.value
          next = readings.next()
        }
      } catch (error) {
        if (isAborted()) return
        this.#complain(error)
        yield 'out'
      } finally {
        stop.abort()
        await readings.return?.()
      }
      await clock.sleep(delays.next().value ?? backoff.maxMs, o.signal).catch(() => undefined)
    }
  }

  #read(entries: readonly KvEntry[]): readonly string[] {
    const addresses: string[] = []
    const problems: string[] = []
    for (const { key, value } of entries) {
      // A classic joiner at ZooKeeper makes its node empty and fills it afterwards; the key says the same.
      const text = value.trim() === '' ? key.slice(key.lastIndexOf('/') + 1) : value.trim()
      const read =
        text.length > maxAddress
          ? { addresses: [], problems: [`a value of ${String(text.length)} characters is no address`] }
          : parseEntries([text])
      addresses.push(...read.addresses)
      const shown = key.length > maxAddress ? `${key.slice(0, maxAddress)}…` : key
      if (read.problems[0] !== undefined) problems.push(`key ${JSON.stringify(shown)}: ${read.problems[0]}`)
    }
    const complaint = joinProblems(problems)
    if (complaint !== '' && complaint !== this.#complaint) this.#context.log.error(`Discovery error: ${complaint}`)
    this.#complaint = complaint
    return toSet(addresses)
  }

  #complain(error: unknown): void {
    const nowMs = this.#context.clock.monotonicMs()
    if (nowMs - this.#saidMs < complainEveryMs) return
    this.#saidMs = nowMs
    this.#context.log.error(`Discovery error: ${toMessage(error)}; known engines stay, trying again`)
  }
}

/** The promise's result, or `due` when the time is up first. The promise is not given up. */
async function raceTime<T>(
  promise: Promise<T>,
  ms: number | undefined,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<T | 'due'> {
  if (ms === undefined) return promise
  const stop = makeChildAbort(signal)
  try {
    return await Promise.race([promise, clock.sleep(ms, stop.signal).then(() => 'due' as const)])
  } finally {
    stop.abort()
  }
}
