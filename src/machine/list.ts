import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { withDeadline } from '../core/deadline.ts'
import { isFlotillaError, toMessage } from '../core/errors.ts'
import { mapLimit } from '../core/limit.ts'
import { toSwarmUrl } from './connection.ts'
import type { Driver, HostState } from './driver.ts'
import { describeExpiry } from './expiry.ts'
import { unfinishedStep } from './creation.ts'
import { DEFAULT_PROGRAM } from './host.ts'
import type { Host } from './host.ts'
import type { Inventory } from './inventory.ts'
import { compareNames } from './name-order.ts'
import type { Store } from './store.ts'

/** One machine as `ls` shows it. */
export interface HostRow {
  readonly name: string
  /** `not found` when the record cannot be read, `not-found` when there is no such driver. */
  readonly driverName: string
  readonly state: HostState
  readonly url: string
  /** `v28.2.2`, `Unknown`, or empty where it was not asked for. */
  readonly version: string
  /** One line; empty when all is well. */
  readonly error: string
  readonly isActiveHost: boolean
  readonly isActiveSwarm: boolean
  readonly responseMs: number
  /** Absent when the record cannot be read. */
  readonly host?: Host
}

/** The outside world of a list of machines. */
export interface ListContext {
  readonly store: Store
  readonly clock: Clock
  readonly openDriver: (host: Host) => Promise<Driver>
  /** Asks an engine; `undefined` leaves versions out. */
  readonly queryVersion?: (url: string, host: Host, o: CallOptions) => Promise<string>
  /** The value of `DOCKER_HOST`. */
  readonly dockerHost: string
  /** For each machine on its own. */
  readonly timeoutMs: number
  /** How advice calls this program: `docker-machine` or `flotilla machine`. */
  readonly program?: string
}

/** Sockets that may be open at once. */
const parallel = 128

/**
 * Asks all machines side by side, each within its own timeout.
 *
 * docker/machine commands/ls.go: what is asked, and what stands in which column when it fails.
 *
 * @returns in natural order of the names (m2 before m10)
 */
export async function describeHosts(
  inventory: Inventory,
  ctx: ListContext,
  o: CallOptions,
): Promise<readonly HostRow[]> {
  const rows = await mapLimit(inventory.hosts, parallel, (host) => describeHost(host, ctx, o))
  const broken = inventory.broken.map(({ name, error }) => ({
    ...emptyRow(name, 'not found'),
    state: 'Error' as const,
    error: toLine(error),
  }))
  return [...rows, ...broken].sort((a, b) => compareNames(a.name, b.name))
}

function emptyRow(name: string, driverName: string): HostRow {
  return {
    name,
    driverName,
    state: '',
    url: '',
    version: '',
    error: '',
    isActiveHost: false,
    isActiveSwarm: false,
    responseMs: 0,
  }
}

async function describeHost(host: Host, ctx: ListContext, o: CallOptions): Promise<HostRow> {
  const startMs = ctx.clock.nowMs()
  const took = (): number => ctx.clock.nowMs() - startMs
  const base = { ...emptyRow(host.name, host.driverName), host }
  const limit = { deadlineMs: ctx.timeoutMs, ...(o.signal && { signal: o.signal }) }
  try {
    const row = await withDeadline(ctx.clock, limit, (signal) => askHost(base, host, ctx, signal ? { signal } : {}))
    return { ...row, responseMs: took() }
  } catch (error) {
    if (o.signal?.aborted === true) throw error
    if (isFlotillaError(error) && error.code === 'core/deadline') {
      return { ...base, state: 'Timeout', error: unfinished(host, ctx), responseMs: took() }
    }
    return { ...base, state: 'Error', error: toLine(error), responseMs: took() }
  }
}

async function askHost(base: HostRow, host: Host, ctx: ListContext, o: CallOptions): Promise<HostRow> {
  let driver: Driver
  try {
    driver = await ctx.openDriver(host)
  } catch (error) {
    if (!isFlotillaError(error) || error.code !== 'plugin/not-found') throw error
    const text = `Driver "${host.driverName}" not found. Do you have the plugin binary accessible in your PATH?`
    return { ...base, driverName: 'not-found', state: 'Error', error: text }
  }
  const found = await askDriver(driver, o)
  // An engine that nobody has set up yet need not be waited for.
  const isAsked = found.url !== '' && found.error === '' && unfinishedStep(host) === undefined
  const first = isAsked ? await askVersion(found.url, host, ctx, o) : { version: 'Unknown', error: found.error }
  // A driver may know an address whether the machine is there or not.
  const isOff = isAsked && first.error !== '' && (await driver.state(o).catch(() => '')) === 'Stopped'
  const { state, url } = isOff ? { state: 'Stopped' as const, url: '' } : found
  const asked = isOff ? { version: 'Unknown', error: '' } : first
  const known = unfinished(host, ctx) || (asked.error === 'Host is not running' ? '' : asked.error)
  return {
    ...base,
    state,
    url,
    version: ctx.queryVersion === undefined ? '' : asked.version,
    error: known === '' && ctx.queryVersion !== undefined ? await findWarning(host, ctx) : known,
    isActiveHost: state === 'Running' && url !== '' && url === ctx.dockerHost,
    isActiveSwarm: state === 'Running' && isActiveSwarm(host, url, ctx.dockerHost),
  }
}

interface Asked {
  readonly state: HostState
  readonly url: string
  readonly error: string
}

/** A machine that has an address is taken to run: one question instead of two. */
async function askDriver(driver: Driver, o: CallOptions): Promise<Asked> {
  let url: string
  try {
    url = await driver.engineUrl(o)
  } catch (error) {
    if (o.signal?.aborted === true) throw error
    return { state: await driver.state(o).catch(() => '' as const), url: '', error: toLine(error) }
  }
  if (url !== '') return { state: 'Running', url, error: '' }
  return { state: await driver.state(o), url, error: '' }
}

async function askVersion(
  url: string,
  host: Host,
  ctx: ListContext,
  o: CallOptions,
): Promise<{ readonly version: string; readonly error: string }> {
  if (ctx.queryVersion === undefined) return { version: '', error: '' }
  try {
    return { version: `v${await ctx.queryVersion(url, host, o)}`, error: '' }
  } catch (error) {
    if (o.signal?.aborted === true) throw error
    return { version: 'Unknown', error: toLine(error) }
  }
}

function isActiveSwarm(host: Host, url: string, dockerHost: string): boolean {
  if (!host.options.SwarmOptions.Master || url === '' || dockerHost === '') return false
  return toSwarmUrl(host, url) === dockerHost
}

function unfinished(host: Host, { program = DEFAULT_PROGRAM }: ListContext): string {
  if (unfinishedStep(host) === undefined) return ''
  return `its creation did not finish: "${program} create --resume ${host.name}" goes on, "${program} rm ${host.name}" removes it`
}

async function findWarning(host: Host, ctx: ListContext): Promise<string> {
  return (await describeExpiry(host, ctx.clock, ctx.program)) ?? ''
}

/** A row has one line, whatever the error had. */
function toLine(error: unknown): string {
  return toMessage(error)
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
}
