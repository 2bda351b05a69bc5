import type { CallOptions } from '../../core/call.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import type { Engine } from '../../engine/engine.ts'
import { isFields, readFields, readNumber, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import type { LeaseCell, LeaseRecord } from './lease-cell.ts'

/** The engines of a native swarm that take part in its Raft, as far as is known. */
export interface SwarmManagers {
  /** Those to ask now, the likeliest first. `isStale`: none of the ones given last was of use. */
  find(isStale: boolean, o: CallOptions): Promise<readonly Engine[]>
}

/** Name of the config object whose labels hold the lease. */
export const leaseConfigName: string = 'flotilla.leader'

const labelPrefix = 'flotilla.leader.'
const content =
  'Flotilla keeps the address of its primary manager in the labels of this object. Leave it alone while they run.\n'

/**
 * The lease as the labels of a config object of native swarm mode: managers of the swarm write it through their Raft
 * log, and only over the version that the writer has seen (swarmkit's control API refuses any other as out of sequence).
 */
export function swarmCell(managers: SwarmManagers, name: string = leaseConfigName): LeaseCell {
  /** The manager that answered last: asked first, so that one that hangs costs its time only once. */
  let good: Engine | undefined

  /** Asks one manager after the other until one knows. All of them have the same Raft. */
  async function onManager<T>(o: CallOptions, ask: (engine: Engine, o: CallOptions) => Promise<T>): Promise<T> {
    const failures: unknown[] = []
    for (const isStale of [false, true]) {
      const found = await managers.find(isStale, o)
      const rest = found.filter((engine) => engine !== good)
      for (const engine of rest.length < found.length && good !== undefined ? [good, ...rest] : rest) {
        if (o.signal?.aborted === true) throw o.signal.reason
        try {
          const answer = await ask(engine, o)
          good = engine
          return answer
        } catch (error) {
          failures.push(error)
        }
      }
    }
    throw explain(failures)
  }

  return {
    read: (o) => onManager(o, (engine, call) => readLease(engine, name, call)),
    write: (record, version, o) =>
      onManager(o, (engine, call) =>
        version === undefined
          ? createLease(engine, name, record, call)
          : updateLease(engine, name, record, version, call),
      ),
  }
}

async function readLease(engine: Engine, name: string, o: CallOptions): ReturnType<LeaseCell['read']> {
  try {
    const reply = await engine.request({ method: 'GET', path: `/configs/${name}` }, o)
    return decode(await reply.json<unknown>())
  } catch (error) {
    if (isFlotillaError(error) && error.code === 'engine/not-found') return undefined
    throw error
  }
}

function decode(value: unknown): { readonly record: LeaseRecord; readonly version: string } {
  const config: Fields = isFields(value) ? value : {}
  const labels = readFields(readFields(config, 'Spec'), 'Labels')
  const numberOf = (name: string): number => Math.max(0, Number(readText(labels, labelPrefix + name)) || 0)
  return {
    version: String(readNumber(readFields(config, 'Version'), 'Index')),
    record: {
      holder: readText(labels, `${labelPrefix}address`),
      token: readText(labels, `${labelPrefix}token`),
      term: numberOf('term'),
      ttlMs: numberOf('ttl'),
      beat: numberOf('beat'),
    },
  }
}

function encode(record: LeaseRecord): Fields {
  return {
    [`${labelPrefix}address`]: record.holder,
    [`${labelPrefix}token`]: record.token,
    [`${labelPrefix}term`]: String(record.term),
    [`${labelPrefix}ttl`]: String(record.ttlMs),
    [`${labelPrefix}beat`]: String(record.beat),
  }
}

async function createLease(
  engine: Engine,
  name: string,
  record: LeaseRecord,
  o: CallOptions,
): Promise<string | undefined> {
  const body = { Name: name, Labels: encode(record), Data: Buffer.from(content).toString('base64') }
  try {
    await (await engine.request({ method: 'POST', path: '/configs/create', body }, o)).bytes()
  } catch (error) {
    if (isFlotillaError(error) && error.status !== undefined && /already exists/i.test(error.message)) return undefined
    throw error
  }
  const made = await readLease(engine, name, o)
  return made?.record.token === record.token && made.record.term === record.term ? made.version : undefined
}

async function updateLease(
  engine: Engine,
  name: string,
  record: LeaseRecord,
  version: string,
  o: CallOptions,
): Promise<string | undefined> {
  const body = { Name: name, Labels: encode(record) }
  try {
    const path = `/configs/${name}/update`
    await (await engine.request({ method: 'POST', path, query: { version }, body }, o)).bytes()
  } catch (error) {
    if (!isFlotillaError(error)) throw error
    const isOvertaken = error.code === 'engine/not-found' || /out of sequence/i.test(error.message)
    if (isOvertaken) return undefined
    throw error
  }
  // The engine does not tell the new version; the record proves that it is ours.
  const now = await readLease(engine, name, o)
  const { token, term, beat, holder } = now?.record ?? {}
  const isOurs = token === record.token && term === record.term && beat === record.beat && holder === record.holder
  return isOurs ? now?.version : undefined
}

const noQuorum = /does not have a leader|quorum|WAL error|raft|context deadline exceeded/i

/** Says what an operator can do: only he knows which managers are gone for good. */
function explain(failures: readonly unknown[]): FlotillaError {
  // Those that are gone say nothing of why; one that is left may.
  const told = failures.findLast((each) => each !== undefined && noQuorum.test(toMessage(each)))
  const cause = told ?? failures.findLast((each) => each !== undefined)
  const reason = cause === undefined ? 'no engine of the cluster is a manager of a swarm' : toMessage(cause)
  const hint = noQuorum.test(reason)
    ? '; plain containers go on. Bring back a majority of the swarm managers; if they are lost for good, run ' +
      '"docker swarm init --force-new-cluster --advertise-addr ADDRESS" on one that is left, then join new managers to it'
    : ''
  return new FlotillaError('cluster/unhealthy', `native swarm mode cannot hold the lease: ${reason}${hint}`, { cause })
}
