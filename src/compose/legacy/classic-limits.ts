import type { Written } from '../model/project.ts'
import { GoScalar } from '../model/go-scalar.ts'
import { mapOf, Untold } from './classic-written.ts'
import type { PythonValue } from './python-json.ts'

/*
 * What docker-compose 1 makes of `deploy` and `blkio_config` (compose/project.py
 * translate_deploy_keys_to_container_config). What is not named here it leaves out, and says so.
 */

/** @returns the fields of a service that stand in for limits and reservations */
export function limitsOf(deploy: Written): Readonly<Record<string, PythonValue>> {
  const { resources } = mapOf(deploy)
  const { limits, reservations } = mapOf(resources ?? {})
  const cpus = mapOf(limits ?? {})['cpus']
  return {
    ...(limits !== undefined && { mem_limit: mapOf(limits ?? {})['memory'] ?? null }),
    ...(cpus !== undefined && { cpus: toFloat(cpus) }),
    ...(reservations !== undefined && { mem_reservation: mapOf(reservations ?? {})['memory'] ?? null }),
  }
}

const conditions: Readonly<Record<string, string>> = { any: 'always', none: 'no', 'on-failure': 'on-failure' }

/** @returns the `restart` of a policy; undefined without one */
export function restartOf(deploy: Written): PythonValue | undefined {
  const policy = mapOf(deploy)['restart_policy']
  if (policy === undefined || policy === null) return undefined
  const { condition = 'any', max_attempts: attempts = 0 } = mapOf(policy)
  const name = typeof condition === 'string' ? conditions[condition] : undefined
  if (name === undefined) throw new Untold()
  return { Name: name, MaximumRetryCount: attempts }
}

export function deviceRequestsOf(deploy: Written): PythonValue {
  const { resources } = mapOf(deploy)
  const devices = mapOf(mapOf(resources ?? {})['reservations'] ?? {})['devices'] ?? []
  if (!Array.isArray(devices)) throw new Untold()
  if (devices.length === 0) return null
  return devices.map((device) => {
    const { count, capabilities, ...rest } = mapOf(device)
    return {
      ...rest,
      ...(count !== undefined && { count: count === 'all' ? -1 : count }),
      ...(capabilities !== undefined && { capabilities: [capabilities] }),
    }
  })
}

/** Sizes of rates as bytes, counts as numbers. */
export function blkioOf(value: Written): PythonValue {
  const made: Record<string, PythonValue> = { ...mapOf(value) }
  for (const field of ['device_read_bps', 'device_write_bps', 'device_read_iops', 'device_write_iops']) {
    const list = mapOf(value)[field]
    if (list === undefined) continue
    if (!Array.isArray(list)) throw new Untold()
    made[field] = list.map((entry) => {
      const { rate = 0, ...rest } = mapOf(entry)
      return { ...rest, rate: field.endsWith('bps') ? toBytes(rate) : toWhole(rate) }
    })
  }
  return made
}

const powers: Readonly<Record<string, number>> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/** docker's utils.parse_bytes: whole numbers of a unit. */
export function toBytes(value: Written): PythonValue {
  if (typeof value !== 'string') return value
  const match = /^(\d+)\s*(?:([kmgt])b?|(b?))$/i.exec(value)
  if (match === null) throw new Untold()
  return Number(match[1]) * (powers[(match[2] ?? '').toLowerCase()] ?? 1)
}

/** Texts as numbers: octal with a leading zero. */
export function toWhole(value: Written): PythonValue {
  if (typeof value !== 'string') return value
  const text = value.trim()
  if (!/^[-+]?\d+$/.test(text)) throw new Untold()
  return /^0\d+$/.test(text) ? Number.parseInt(text, 8) : Number(text)
}

/** Python tells 1.0 from 1. */
function toFloat(value: Written): PythonValue {
  const number = value instanceof GoScalar ? value.number : Number(value)
  if (Number.isNaN(number)) throw new Untold()
  return Number.isInteger(number) ? new GoScalar('float', String(number)) : number
}
