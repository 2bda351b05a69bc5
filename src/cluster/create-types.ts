import { ExactNumber } from '../core/exact-json.ts'
import { FlotillaError } from '../core/errors.ts'
import { isFields, readField, readFields } from './wire.ts'
import type { Fields } from './wire.ts'

type Kind = 'text' | 'texts' | 'number' | 'object' | 'labels'

const words: Readonly<Record<Kind, string>> = {
  text: 'must be a text',
  texts: 'must be a list of texts',
  number: 'must be a number',
  object: 'must be an object',
  labels: 'must be an object of texts',
}

/** What placing goes by or what is written anew for the engine: of these an engine would not see what was wrong. */
const ofBody: Readonly<Record<string, Kind>> = {
  Image: 'text',
  Env: 'texts',
  Labels: 'labels',
  ExposedPorts: 'object',
  HostConfig: 'object',
  NetworkingConfig: 'object',
  Memory: 'number',
  MemorySwap: 'number',
  CpuShares: 'number',
  Cpuset: 'text',
}

const ofHostConfig: Readonly<Record<string, Kind>> = {
  NetworkMode: 'text',
  IpcMode: 'text',
  PidMode: 'text',
  PortBindings: 'object',
  VolumesFrom: 'texts',
  Links: 'texts',
  CpuQuota: 'number',
  CpuPeriod: 'number',
}

/**
 * Refuses a create whose fields have types that no engine would take. `null` is as good as absent, as for engines.
 * @throws {cluster/invalid-option} status 400, with the path of the field
 */
export function checkCreateTypes(body: Fields): void {
  checkAll('', body, ofBody)
  checkAll('HostConfig.', readFields(body, 'HostConfig'), ofHostConfig)
}

const ofVolume: Readonly<Record<string, Kind>> = {
  Name: 'text',
  Driver: 'text',
  DriverOpts: 'labels',
  Labels: 'labels',
}

/** As `checkCreateTypes`, for a volume. @throws {cluster/invalid-option} status 400, with the path of the field */
export function checkVolumeTypes(body: Fields): void {
  checkAll('', body, ofVolume)
}

function checkAll(prefix: string, fields: Fields, kinds: Readonly<Record<string, Kind>>): void {
  for (const [key, kind] of Object.entries(kinds)) {
    const value = readField(fields, key)
    if (value === undefined || value === null) continue
    if (!isOfKind(value, kind)) throw wrongType(`${prefix}${key}`, words[kind])
    if (kind !== 'texts' && kind !== 'labels') continue
    for (const [part, each] of Object.entries(value)) {
      const path = kind === 'texts' ? `${prefix}${key}[${part}]` : `${prefix}${key}.${part}`
      if (typeof each !== 'string' && each !== null) throw wrongType(path, words.text)
    }
  }
}

function isOfKind(value: unknown, kind: Kind): value is object {
  switch (kind) {
    case 'text':
      return typeof value === 'string'
    case 'texts':
      return Array.isArray(value)
    case 'number':
      return typeof value === 'number' || value instanceof ExactNumber
    default:
      return isFields(value) && !(value instanceof ExactNumber)
  }
}

function wrongType(path: string, what: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', `invalid value for ${path.slice(0, 200)}: ${what}`, {
    status: 400,
  })
}
