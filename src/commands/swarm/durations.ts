import { parseDurationNs } from '../../core/duration.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'

/** @throws {cluster/invalid-option} `invalid --NAME: time: …`, as the ancestor passed on Go's own text */
export function readDurationNs(name: string, text: string): bigint {
  try {
    return parseDurationNs(text)
  } catch (error) {
    throw new FlotillaError('cluster/invalid-option', `invalid --${name}: ${toMessage(error)}`, { cause: error })
  }
}

/** Period of polls and registrations, in milliseconds. @throws {cluster/invalid-option} */
export function readHeartbeatMs(text: string): number {
  const ns = readDurationNs('heartbeat', text)
  if (ns < 1_000_000_000n) {
    throw new FlotillaError('cluster/invalid-option', '--heartbeat should be at least one second')
  }
  return Number(ns / 1_000_000n)
}
