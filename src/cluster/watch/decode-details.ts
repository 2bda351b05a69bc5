import { noGpus, readGpuAsk } from '../gpus.ts'
import { containerStates } from '../model.ts'
import type { ContainerState, ContainerView, PortClaim, PublishedPort } from '../model.ts'
import { protocolOf, readBindings } from '../port-bindings.ts'
import { readBoolean, readCpuLimit, readFields, readMemory, readNumber, readText, readTimeMs } from '../wire.ts'
import type { Fields } from '../wire.ts'

/** What decoding needs to know of the node. */
export interface NodeFacts {
  readonly cpus: number
  readonly clockDeltaMs: number
  readonly name: string
}

/** Texts that many containers have in common, kept once. */
const texts = new Map<string, string>()
const maxTexts = 4096

export function shared(text: string): string {
  const known = texts.get(text)
  if (known !== undefined) return known
  if (texts.size >= maxTexts) texts.clear()
  texts.set(text, text)
  return text
}

/** What is known of a container before its inspect reply is looked at. */
type Known = Pick<ContainerView, 'published' | 'state' | 'createdAtMs'>

export function readDetails(inspect: Fields, known: Known, facts: NodeFacts): Details {
  const hostConfig = readFields(inspect, 'HostConfig')
  const state = readFields(inspect, 'State')
  const claims = readBindings(readFields(hostConfig, 'PortBindings'))
  const shares = Math.trunc((readNumber(hostConfig, 'CpuShares') * facts.cpus) / 1024)
  const status = readText(state, 'Status')
  const createdAtMs = readTimeMs(inspect, 'Created')
  return {
    ports: settlePorts(claims, known.published),
    exposed: orNone(Object.keys(readFields(readFields(inspect, 'Config'), 'ExposedPorts')).map(shared)),
    nanoCpus: Math.max(shares * 1e9, readCpuLimit(hostConfig)),
    memoryBytes: readMemory(hostConfig),
    state: status === '' ? known.state : toState(status),
    gpus: readGpuAsk(hostConfig),
    exitCode: readNumber(state, 'ExitCode'),
    errorText: readText(state, 'Error'),
    isOomKilled: readBoolean(state, 'OOMKilled'),
    healthCheck: toHealthCheck(readText(readFields(state, 'Health'), 'Status')),
    createdAtMs: createdAtMs === 0 ? known.createdAtMs : shift(createdAtMs, facts),
    startedAtMs: shift(readTimeMs(state, 'StartedAt'), facts),
    finishedAtMs: shift(readTimeMs(state, 'FinishedAt'), facts),
    isPartial: false,
    isUnread: false,
  }
}

export const none: readonly never[] = []

/** One empty list for all. */
export function orNone<T>(list: readonly T[]): readonly T[] {
  return list.length === 0 ? none : list
}

type Details = Pick<
  ContainerView,
  | 'ports'
  | 'exposed'
  | 'nanoCpus'
  | 'memoryBytes'
  | 'gpus'
  | 'state'
  | 'exitCode'
  | 'errorText'
  | 'isOomKilled'
  | 'healthCheck'
  | 'createdAtMs'
  | 'startedAtMs'
  | 'finishedAtMs'
  | 'isPartial'
> & { readonly isUnread: boolean }

export function keepDetails(row: Fields, previous: ContainerView | undefined, known: Known): Details {
  const { published, state, createdAtMs } = known
  if (previous !== undefined) {
    return {
      ports: settlePorts(previous.ports, published),
      exposed: previous.exposed,
      nanoCpus: previous.nanoCpus,
      memoryBytes: previous.memoryBytes,
      gpus: previous.gpus,
      state,
      exitCode: previous.exitCode,
      errorText: previous.errorText,
      isOomKilled: previous.isOomKilled,
      healthCheck: previous.healthCheck,
      createdAtMs: previous.createdAtMs,
      startedAtMs: previous.startedAtMs,
      finishedAtMs: previous.finishedAtMs,
      isPartial: previous.isPartial,
      isUnread: previous.isUnread ?? false,
    }
  }
  return {
    ports: settlePorts(none, published),
    exposed: none,
    nanoCpus: 0,
    memoryBytes: 0,
    gpus: noGpus,
    state,
    ...readStatus(readText(row, 'Status')),
    errorText: '',
    isOomKilled: false,
    createdAtMs,
    startedAtMs: 0,
    finishedAtMs: 0,
    isPartial: true,
    isUnread: true,
  }
}

/** `Exited (137) 2 hours ago`, `Up 3 minutes (healthy)`: what filters look at, until more is known. */
function readStatus(status: string): Pick<Details, 'exitCode' | 'healthCheck'> {
  const exit = /^(?:Exited|Restarting) \((\d+)\)/.exec(status)?.[1]
  const health = /\((?:health: )?(starting|healthy|unhealthy)\)$/.exec(status)?.[1]
  return { exitCode: Number(exit ?? 0), healthCheck: toHealthCheck(health ?? '') }
}

export function shift(timeMs: number, facts: NodeFacts): number {
  return timeMs === 0 ? 0 : timeMs + facts.clockDeltaMs
}

/** Without the slash in front; the container's own name before link aliases. */
/** Asked ports plus those the engine chose; a range that led to a port is settled by it. */
function settlePorts(claims: readonly PortClaim[], published: readonly PublishedPort[]): readonly PortClaim[] {
  const live: PortClaim[] = []
  for (const { ip, privatePort, publicPort, protocol } of published) {
    if (publicPort === undefined) continue
    const target = `${String(privatePort)}/${protocol}`
    live.push({ hostIp: ip, from: publicPort, to: publicPort, protocol: protocolOf(target), target, isChosen: true })
  }
  if (live.length === 0) return claims
  const settled = claims.filter((claim) => claim.from === claim.to || !live.some((port) => isWithin(port, claim)))
  const isKnown = (port: PortClaim): boolean =>
    settled.some((claim) => claim.from === port.from && claim.to === port.to && claim.protocol === port.protocol)
  return [...settled, ...live.filter((port) => !isKnown(port))]
}

function isWithin(port: PortClaim, range: PortClaim): boolean {
  return port.target === range.target && port.from >= range.from && port.to <= range.to
}

export function toState(text: string): ContainerState {
  const states: readonly string[] = containerStates
  return states.includes(text) ? (text as ContainerState) : 'created'
}

function toHealthCheck(text: string): ContainerView['healthCheck'] {
  return text === 'starting' || text === 'healthy' || text === 'unhealthy' ? text : 'none'
}
