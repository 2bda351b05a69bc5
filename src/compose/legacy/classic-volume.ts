import * as posix from 'node:path/posix'
import type { Project, Written } from '../model/project.ts'

/** A mount as docker-compose 1 keeps it: source, target and mode of the short form, or the long form's fields. */
type ClassicVolume = readonly [string | null, string, string]

/** @returns undefined for a form that is not known here */
export function toClassicVolume(project: Project, value: string): ClassicVolume | undefined
export function toClassicVolume(
  project: Project,
  value: Written,
): ClassicVolume | Readonly<Record<string, Written>> | undefined
export function toClassicVolume(
  project: Project,
  value: Written,
): ClassicVolume | Readonly<Record<string, Written>> | undefined {
  if (typeof value === 'string') return fromText(project, value)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const { type, source, ...rest } = value
  if (typeof type !== 'string' || Object.keys(rest).some((key) => !known.has(key))) return undefined
  const made: Record<string, Written> = { type }
  if (typeof source === 'string' && source !== '') made['source'] = toSource(project, source, type === 'volume')
  for (const [key, field] of Object.entries(rest)) {
    const isEmpty = field === null || field === false || field === ''
    if (!isEmpty && (!optionKeys.has(key) || key === type)) made[key] = field
  }
  return made
}

const optionKeys = new Set(['bind', 'volume', 'tmpfs'])
const known = new Set(['target', 'read_only', 'consistency', ...optionKeys])

function fromText(project: Project, text: string): ClassicVolume | undefined {
  const parts = text.split(':')
  if (parts.length > 3) return undefined
  const [first = '', second, mode = 'rw'] = parts
  if (second === undefined) return [null, clean(first), 'rw']
  return [toSource(project, first, !/^[./~]/.test(first)), clean(second), mode]
}

function toSource(project: Project, source: string, isNamed: boolean): string {
  if (isNamed) return project.volumes[source]?.name ?? source
  const home = project.environment['HOME'] ?? '~'
  return clean(posix.resolve(project.workingDir, source.replace(/^~(?=\/|$)/, home)))
}

function clean(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}
