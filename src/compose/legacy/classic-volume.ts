import * as posix from 'node:path/posix'
import type { Project, Written } from '../model/project.ts'
import { toBytes } from './classic-limits.ts'
import { isWrittenMap } from './classic-written.ts'
import type { PythonValue } from './python-json.ts'

/** A mount as docker-compose 1 keeps it: source, target and mode of the short form, or the long form's fields. */
type ClassicVolume = readonly [string | null, string, string]

/**
 * @param isPlain the service names a driver for its volumes: then sources are no paths (version 1)
 * @returns undefined for a form that is not known here
 */
export function toClassicVolume(
  project: Project,
  value: Written,
  isPlain: boolean = false,
): ClassicVolume | Readonly<Record<string, PythonValue>> | undefined {
  if (typeof value === 'string') return fromText(project, value, isPlain)
  if (!isWrittenMap(value)) return undefined
  const { type, source, ...rest } = value
  if (typeof type !== 'string' || Object.keys(rest).some((key) => !known.has(key))) return undefined
  const made: Record<string, PythonValue> = { type }
  if (typeof source === 'string' && source !== '') made['source'] = toSource(project, source, type === 'volume')
  for (const [key, field] of Object.entries(rest)) {
    const isEmpty =
      field === null || field === false || field === '' || (isWrittenMap(field) && !Object.keys(field).length)
    if (!isEmpty && (!optionKeys.has(key) || key === type)) made[key] = key === 'tmpfs' ? withBytes(field) : field
  }
  return made
}

const optionKeys = new Set(['bind', 'volume', 'tmpfs'])
const known = new Set(['target', 'read_only', 'consistency', ...optionKeys])

function withBytes(tmpfs: Written): PythonValue {
  if (!isWrittenMap(tmpfs) || tmpfs['size'] === undefined) return tmpfs
  return { ...tmpfs, size: toBytes(tmpfs['size']) }
}

function fromText(project: Project, text: string, isPlain: boolean): ClassicVolume | undefined {
  const parts = text.split(':')
  if (parts.length > 3) return undefined
  const [first = '', second, mode = 'rw'] = parts
  if (second === undefined) return [null, clean(first), 'rw']
  if (isPlain) return [/^[./~]/.test(first) ? clean(first) : first, clean(second), mode]
  return [toSource(project, first, !/^[./~]/.test(first)), clean(second), mode]
}

function toSource(project: Project, source: string, isNamed: boolean): string {
  return isNamed ? (project.volumes[source]?.name ?? source) : toClassicPath(project, source)
}

/** An absolute path without a slash at its end. */
export function toClassicPath(project: Project, source: string): string {
  const home = project.environment['HOME'] ?? '~'
  return clean(posix.resolve(project.workingDir, source.replace(/^~(?=\/|$)/, home)))
}

function clean(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}
