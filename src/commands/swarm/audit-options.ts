import { resolve } from 'node:path'
import type { Context } from '../../cli/command.ts'
import type { Audit } from '../../cluster/audit/audit.ts'
import { parseBinarySize } from '../../core/bytes.ts'
import { FlotillaError } from '../../core/errors.ts'

/** Where the audit log is, and how it is kept. */
export interface AuditSettings {
  readonly path: string
  /** Bytes of all segments together. */
  readonly maxBytes: number
  readonly isRequired: boolean
}

const defaultSize = '512m'
const leastBytes = 1024 * 1024
const mostBytes = 1024 ** 4

function invalid(message: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message)
}

/**
 * Reads what `--cluster-opt` says of the audit log. Keys of others are left to them.
 *
 * @returns undefined without a file
 * @throws {cluster/invalid-option}
 */
export function readAuditSettings(values: readonly string[]): AuditSettings | undefined {
  const options = new Map<string, string>()
  for (const value of values) {
    const cut = value.indexOf('=')
    if (cut > 0) options.set(value.slice(0, cut), value.slice(cut + 1))
  }
  const required = options.get('swarm.audit.required') ?? 'false'
  if (required !== 'true' && required !== 'false') {
    throw invalid(`swarm.audit.required should be true or false, ${JSON.stringify(required)} is invalid`)
  }
  const maxBytes = readBytes(options.get('swarm.audit.size') ?? defaultSize)
  const path = options.get('swarm.audit') ?? ''
  // Whoever asks for it to be required, and mistypes the rest, must not get a manager that writes nothing.
  if (path === '' && required === 'true') throw invalid('swarm.audit.required=true needs swarm.audit=FILE')
  return path === '' ? undefined : { path, maxBytes, isRequired: required === 'true' }
}

function readBytes(text: string): number {
  let bytes: number
  try {
    bytes = parseBinarySize(text)
  } catch {
    bytes = Number.NaN
  }
  if (bytes >= leastBytes && bytes <= mostBytes) return bytes
  throw invalid(`swarm.audit.size should be a size from 1m to 1t, ${JSON.stringify(text)} is invalid`)
}

/** Opens the audit log, if there is to be one. @throws {io/file} @throws {io/locked} */
export async function openAuditLog(ctx: Context, settings: AuditSettings | undefined): Promise<Audit | undefined> {
  if (settings === undefined) return undefined
  const { openAudit } = await import('../../cluster/audit/open-audit.ts')
  return openAudit({ ...settings, path: resolve(ctx.cwd, settings.path), clock: ctx.clock, log: ctx.log })
}
