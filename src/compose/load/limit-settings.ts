import { parseBinarySize } from '../../core/bytes.ts'
import { FlotillaError } from '../../core/errors.ts'
import { findNearest } from '../../core/suggest.ts'
import type { LoadLimits } from './limits.ts'

/** How one limit is written in the user's configuration. */
export interface LimitSetting {
  readonly kind: 'size' | 'count'
  /** Bytes, or a number. */
  readonly least: number
  readonly most: number
  /** What is limited, and what happens beyond it; for docs/reliability.md. */
  readonly brief: string
  readonly breach: string
}

const [KiB, MiB] = [1024, 1024 * 1024]
const size = { kind: 'size', least: KiB, most: 511 * MiB } as const
const many = { kind: 'count', least: 1, most: 10_000_000 } as const

export const limitSettings: { readonly [K in keyof LoadLimits]: LimitSetting } = {
  composeFileBytes: { ...size, brief: 'one Compose file', breach: 'an error that names the file' },
  allFilesBytes: { ...size, brief: 'all Compose files of a project', breach: 'an error' },
  yamlDepth: {
    kind: 'count',
    least: 16,
    most: 500,
    brief: 'levels of YAML',
    breach: 'an error with file, line and column',
  },
  yamlNodes: {
    ...many,
    brief: 'nodes of a project after aliases and merges are expanded; how many aliases there are does not matter',
    breach: 'an error that names the anchor which expands most',
  },
  includeDepth: {
    kind: 'count',
    least: 1,
    most: 500,
    brief: 'files that `include` each other, services that extend each other',
    breach: 'an error with the chain',
  },
  includedFiles: { ...many, brief: 'files that others include or extend', breach: 'an error' },
  valueLength: {
    kind: 'count',
    least: 1,
    most: 128 * MiB,
    brief: 'characters of a text after its variables are filled in',
    breach: 'an error with field, file and line',
  },
  nestedDefaults: {
    kind: 'count',
    least: 1,
    most: 500,
    brief: 'defaults within defaults: `${A:-${B:-…}}`',
    breach: 'an error with field, file and line',
  },
  services: { ...many, brief: 'services of a project', breach: 'an error' },
  replicas: {
    ...many,
    brief: 'containers of one service: `deploy.replicas`, `scale`, `--scale`',
    breach: 'an error that names the service',
  },
  envFileBytes: { ...size, brief: 'one env file or label file', breach: 'an error that names the file' },
  labels: {
    ...many,
    brief: 'labels of a service, network, volume, secret or config',
    breach: 'an error that names it',
  },
}

/**
 * Reads what the user's configuration has as `limits`: sizes are numbers of bytes or texts like `8m`.
 *
 * @throws {compose/invalid} naming the setting: one that there is not, or a value out of its bounds
 */
export function readLimitSettings(value: unknown): Partial<LoadLimits> {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('"limits" is not an object')
  const limits: { -readonly [K in keyof LoadLimits]?: number } = {}
  for (const [name, amount] of Object.entries(value as Readonly<Record<string, unknown>>)) {
    if (!isLimit(name)) throw unknownLimit(name)
    limits[name] = readAmount(name, amount)
  }
  return limits
}

function isLimit(name: string): name is keyof LoadLimits {
  return Object.hasOwn(limitSettings, name)
}

function invalid(message: string, hint?: string): FlotillaError {
  return new FlotillaError('compose/invalid', message, hint === undefined ? {} : { hint })
}

function unknownLimit(name: string): FlotillaError {
  const nearest = findNearest(name, Object.keys(limitSettings))
  const hint = nearest === undefined ? 'docs/reliability.md lists them' : `did you mean limits.${nearest}?`
  return invalid(`there is no limit limits.${name}`, hint)
}

function readAmount(name: keyof LoadLimits, value: unknown): number {
  const { kind, least, most } = limitSettings[name]
  const amount = typeof value === 'string' && kind === 'size' ? parseSize(value) : value
  if (typeof amount === 'number' && Number.isInteger(amount) && amount >= least && amount <= most) return amount
  const wanted = kind === 'size' ? 'a size' : 'a number'
  const shown = JSON.stringify(value) ?? String(value)
  throw invalid(
    `limits.${name} should be ${wanted} from ${renderAmount(kind, least)} to ${renderAmount(kind, most)}, ${shown} is invalid`,
  )
}

function parseSize(text: string): number | undefined {
  try {
    return parseBinarySize(text)
  } catch {
    return undefined
  }
}

/** As the configuration takes it. */
export function renderAmount(kind: LimitSetting['kind'], amount: number): string {
  if (kind === 'count') return String(amount)
  return amount % MiB === 0 ? `${amount / MiB}m` : `${amount / KiB}k`
}
