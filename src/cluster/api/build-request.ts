import { FlotillaError } from '../../core/errors.ts'
import { isFields } from '../wire.ts'
import type { Fields } from '../wire.ts'

/** A build call taken apart: what the scheduler goes by, and what the engine is sent. */
export interface BuildRequest {
  /** As a create body that asks for the same place. */
  readonly body: Fields
  /** Names the image will get. */
  readonly tags: readonly string[]
  /** Without conditions for the scheduler. */
  readonly query: URLSearchParams
}

const conditions: readonly string[] = ['constraint:', 'affinity:', 'whitelist:']

/**
 * Reads the query of a build. Conditions come as build arguments, as in the ancestor (classicswarm api/handlers.go):
 * the CLI splits `constraint:node==a` at its first `=`.
 *
 * @throws {cluster/invalid-option} status 400
 */
export function parseBuild(given: URLSearchParams): BuildRequest {
  const query = new URLSearchParams(given)
  const env: string[] = []
  const text = query.get('buildargs') ?? ''
  if (text !== '') {
    const rest: Record<string, unknown> = Object.create(null)
    for (const [key, value] of Object.entries(parseArgs(text))) {
      if (!conditions.some((prefix) => key.startsWith(prefix))) rest[key] = value
      else env.push(typeof value === 'string' ? `${key}=${value}` : key)
    }
    if (env.length > 0) query.set('buildargs', JSON.stringify(rest))
  }
  return {
    body: { Env: env, HostConfig: { CpuShares: readCount(query, 'cpushares'), Memory: readCount(query, 'memory') } },
    tags: query.getAll('t').filter((tag) => tag !== ''),
    query,
  }
}

function parseArgs(text: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  if (value === null) return {}
  if (isFields(value)) return value
  throw new FlotillaError('cluster/invalid-option', 'buildargs is not a JSON object', { status: 400 })
}

/** The arguments that have a value, of a query that `parseBuild` has taken. */
export function readArgs(text: string): Readonly<Record<string, string>> {
  const args: Record<string, string> = Object.create(null)
  if (text === '') return args
  for (const [key, value] of Object.entries(parseArgs(text))) if (typeof value === 'string') args[key] = value
  return args
}

function readCount(query: URLSearchParams, key: string): number {
  const value = Number(query.get(key) ?? '0')
  return Number.isFinite(value) && value > 0 ? Math.trunc(value) : 0
}

/** The query as one engine understands it: CPUs become shares of that node's 1024, as for containers. */
export function toEngineQuery(build: BuildRequest, nodeCpus: number): string {
  const cpus = readCount(build.query, 'cpushares')
  if (cpus === 0 || nodeCpus === 0) return build.query.toString()
  const query = new URLSearchParams(build.query)
  query.set('cpushares', String(Math.ceil((cpus * 1024) / nodeCpus)))
  return query.toString()
}
