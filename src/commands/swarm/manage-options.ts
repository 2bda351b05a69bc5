import { parseDurationNs } from '../../core/duration.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { defaultRememberMs } from '../../cluster/departed.ts'
import { anyObserver, parseObserverRule } from '../../cluster/reschedule/sight.ts'
import type { ObserverRule } from '../../cluster/reschedule/sight.ts'
import { toOvercommitPercent } from '../../cluster/watch/specs.ts'
import { checkClusterKeys } from './cluster-keys.ts'
import { readDurationNs } from './durations.ts'
import type { manageFlags } from './daemon-flags.ts'

type Flags = FlagValues<typeof manageFlags>

function invalid(message: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message)
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

const longestWaitMs = 24 * 3_600_000
const longestMemoryMs = 30 * 24 * 3_600_000

export interface ClusterOptionsRead {
  readonly overcommitPercent: number
  readonly createRetries: number
  /** How long a create that no node can take waits for one; 0: not at all. */
  readonly waitMs: number
  /** How long containers of engines that left discovery stay in the list; 0: not at all. */
  readonly rememberMs: number
  /** Containers with local volumes are made anew without their data. */
  readonly isVolumeLossAllowed: boolean
  /** Which other managers keep a node's containers in place by reaching it. */
  readonly observers: ObserverRule
  /** File that says who may do what; undefined: everybody may do everything. */
  readonly accessFile: string | undefined
  readonly warning: string | undefined
}

/** Reads `--cluster-opt`. @throws {cluster/invalid-option} */
export function readClusterOptions(driver: string, options: readonly string[]): ClusterOptionsRead {
  if (driver !== 'swarm') throw invalid(`unsupported cluster "${driver}"`)
  checkClusterKeys(options)
  let overcommit = 0.05
  let createRetries = 0
  let waitMs = 0
  let rememberMs = defaultRememberMs
  let isVolumeLossAllowed = false
  let observers = anyObserver
  let accessFile: string | undefined
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
    } else if (key === 'swarm.wait') {
      waitMs = Number(readDurationNs('cluster-opt swarm.wait', value) / 1_000_000n)
      if (waitMs < 0 || waitMs > longestWaitMs) throw invalid('swarm.wait should be from 0s to 24h')
    } else if (key === 'swarm.remember') {
      rememberMs = Number(readDurationNs('cluster-opt swarm.remember', value) / 1_000_000n)
      if (rememberMs < 0 || rememberMs > longestMemoryMs) throw invalid('swarm.remember should be from 0s to 720h')
    } else if (key === 'swarm.reschedule.volumes') {
      if (value !== 'hold' && value !== 'new')
        throw invalid(`swarm.reschedule.volumes should be hold or new, ${value} is invalid`)
      isVolumeLossAllowed = value === 'new'
    } else if (key === 'swarm.reschedule.observers') {
      const rule = parseObserverRule(value)
      if (rule === undefined)
        throw invalid(`swarm.reschedule.observers should be any, majority, off or a number from 1, ${value} is invalid`)
      observers = rule
    } else if (key === 'swarm.access') {
      if (value === '') throw invalid('swarm.access should be the path of a file')
      accessFile = value
    }
  }
  const overcommitPercent = toOvercommitPercent(overcommit)
  return { overcommitPercent, createRetries, waitMs, rememberMs, isVolumeLossAllowed, observers, accessFile, warning }
}

function readNumber(key: string, value: string): number {
  const number = Number(value)
  if (value.trim() === '' || !Number.isFinite(number))
    throw invalid(`invalid value ${JSON.stringify(value)} for ${key}`)
  return number
}

/** Milliseconds. @throws {cluster/invalid-option} */
export function readReplicationTtl(text: string): number {
  const ns = readDurationNs('replication-ttl', text)
  if (ns <= 0n) throw invalid('--replication-ttl should be a positive number')
  return Number(ns) / 1e6
}
