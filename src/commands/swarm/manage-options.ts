import { parseDurationNs } from '../../core/duration.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { toOvercommitPercent } from '../../cluster/watch/specs.ts'
import type { manageFlags } from './table.ts'

type Flags = FlagValues<typeof manageFlags>

function invalid(message: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message)
}

/** @throws {cluster/invalid-option} in the words of the ancestor (classicswarm cli/manage.go) */
export function checkTlsFlags(flags: Flags): void {
  const hasFiles = flags.tlscacert !== undefined || flags.tlscert !== undefined || flags.tlskey !== undefined
  if (!flags.tls && !flags.tlsverify) {
    if (hasFiles) throw invalid('--tlscert, --tlskey and --tlscacert require the use of either --tls or --tlsverify')
    return
  }
  if (flags.tlscert === undefined || flags.tlskey === undefined) {
    throw invalid('--tlscert and --tlskey must be provided when using --tls')
  }
  if (flags.tlsverify && flags.tlscacert === undefined) {
    throw invalid('--tlscacert must be provided when using --tlsverify')
  }
}

export interface RefreshTimes {
  readonly refreshMinMs: number
  readonly refreshMaxMs: number
}

export function readRefreshTimes(flags: Flags): RefreshTimes {
  const refreshMinMs = readLenient(flags['engine-refresh-min-interval'])
  const refreshMaxMs = readLenient(flags['engine-refresh-max-interval'])
  if (refreshMinMs <= 0) throw invalid('min refresh interval should be a positive number')
  if (refreshMaxMs < refreshMinMs) throw invalid('max refresh interval cannot be less than min refresh interval')
  return { refreshMinMs, refreshMaxMs }
}

/** What cannot be read counts as zero, as the ancestor's flag library had it. */
function readLenient(text: string): number {
  try {
    return Number(parseDurationNs(text)) / 1e6
  } catch {
    return 0
  }
}

export function checkRetries(flags: Flags): number {
  const retries = flags['engine-failure-retry']
  if (retries <= 0) throw invalid('invalid failure retry count')
  if (flags['engine-refresh-retry'] !== 3) {
    throw invalid('--engine-refresh-retry is deprecated. Use --engine-failure-retry')
  }
  return retries
}

export function readHeartbeat(flags: Flags): number {
  let ns: bigint
  try {
    ns = parseDurationNs(flags.heartbeat)
  } catch (error) {
    throw new FlotillaError('cluster/invalid-option', `invalid --heartbeat: ${toGoText(error)}`, { cause: error })
  }
  if (ns < 1_000_000_000n) throw invalid('--heartbeat should be at least one second')
  return Number(ns / 1_000_000n)
}

/** Go's own error carries the package's name. */
function toGoText(error: unknown): string {
  const text = toMessage(error)
  return text.startsWith('time: ') ? text : `time: ${text}`
}

export interface ClusterOptionsRead {
  readonly overcommitPercent: number
  readonly createRetries: number
  readonly warning: string | undefined
}

/** Reads `--cluster-opt`. Options nobody knows are ignored, as the ancestor did. */
export function readClusterOptions(driver: string, options: readonly string[]): ClusterOptionsRead {
  if (driver !== 'swarm') throw invalid(`unsupported cluster "${driver}"`)
  let overcommit = 0.05
  let createRetries = 0
  let warning: string | undefined
  for (const option of options) {
    const cut = option.indexOf('=')
    const key = cut < 0 ? option : option.slice(0, cut)
    const value = cut < 0 ? '' : option.slice(cut + 1)
    if (key === 'swarm.overcommit') {
      overcommit = readNumber(key, value)
      if (overcommit <= -1)
        throw invalid(`swarm.overcommit should be larger than -1, ${overcommit.toFixed(6)} is invalid`)
      if (overcommit < 0) warning = 'swarm.overcommit is below 0: containers get less than the engines have'
    } else if (key === 'swarm.createretry') {
      createRetries = Math.trunc(readNumber(key, value))
      if (createRetries < 0) throw invalid(`swarm.createretry can not be negative, ${createRetries} is invalid`)
    }
  }
  return { overcommitPercent: toOvercommitPercent(overcommit), createRetries, warning }
}

function readNumber(key: string, value: string): number {
  const number = Number(value)
  if (value.trim() === '' || !Number.isFinite(number))
    throw invalid(`invalid value ${JSON.stringify(value)} for ${key}`)
  return number
}

/** Replication needs a store that elects; those are for a later version. */
export function checkReplication(flags: Flags, discovery: string): void {
  if (flags.replication) {
    if (!/^(?:consul|etcd|zk):\/\//.test(discovery)) {
      throw invalid('Leader election is only supported with consul, etcd and zookeeper discovery.')
    }
    if (flags.advertise === undefined || flags.advertise === '') {
      throw invalid('--advertise address must be provided when using --leader-election')
    }
    checkReplicationTtl(flags['replication-ttl'])
    throw new FlotillaError('cluster/unsupported', 'replication of managers is not in this version')
  }
  checkAdvertise(flags.advertise)
}

function checkReplicationTtl(text: string): void {
  let ns: bigint
  try {
    ns = parseDurationNs(text)
  } catch (error) {
    throw new FlotillaError('cluster/invalid-option', `invalid --replication-ttl: ${toGoText(error)}`, { cause: error })
  }
  if (ns <= 0n) throw invalid('--replication-ttl should be a positive number')
}

/** An address that others are told must be one they can use, also where it is not used so far. */
function checkAdvertise(text: string | undefined): void {
  if (text === undefined || text === '') return
  const match = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+):(\d{1,5})$/.exec(text)
  const port = Number(match?.[1] ?? '0')
  if (port < 1 || port > 65_535) throw invalid('--advertise should be of the form ip:port or hostname:port')
}
