import { GoScalar } from '../model/go-scalar.ts'
import type { Written, WrittenService } from '../model/project.ts'
import { toPythonNumber } from './python-json.ts'

/** Something whose form at docker-compose 1 is not known: then its hash cannot be told. */
export class Untold extends Error {}

/** @throws {Untold} for undefined */
export function told<T>(value: T | undefined): T {
  if (value === undefined) throw new Untold()
  return value
}

/** @throws {Untold} for anything but a map */
export function mapOf(value: Written): Readonly<Record<string, Written>> {
  if (isWrittenMap(value)) return value
  throw new Untold()
}

export function isWrittenMap(value: Written | undefined): value is WrittenService {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof GoScalar)
}

/** @throws {Untold} for anything but a list of texts */
export function textsIn(value: Written): readonly string[] {
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value
  throw new Untold()
}

export function textsAt(written: WrittenService, key: string): readonly string[] {
  const value = written[key]
  return value === undefined ? [] : textsIn(value)
}

/** Python's `str` of a scalar. */
export function toPythonText(value: Written): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return toPythonNumber(value)
  if (value instanceof GoScalar && value.kind !== 'time') return toPythonNumber(value)
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  throw new Untold()
}

/** `KEY=VALUE` in a list or a map; what stands alone in a list has the value `alone`. */
export function pairsIn(value: Written, alone: Written = ''): readonly (readonly [string, Written])[] {
  if (!Array.isArray(value)) return Object.entries(mapOf(value))
  return textsIn(value).map((entry) => {
    const at = entry.indexOf('=')
    return at === -1 ? [entry, alone] : [entry.slice(0, at), entry.slice(at + 1)]
  })
}
