import { scryptSync } from 'node:crypto'
import type { CallOptions } from '../core/call.ts'
import { FlotillaError, isFlotillaError } from '../core/errors.ts'
import { callForShape, escapeSegment } from '../engine/api/call.ts'
import type { Engine } from '../engine/engine.ts'
import { readBytesNow } from '../io/text-files.ts'
import { materialKey } from './model/material.ts'
import type { FileKind, Material, Materials } from './model/material.ts'
import type { Project } from './model/project.ts'
import type { FileObject } from './model/resource.ts'
import type { Service } from './model/service.ts'
import { kindsOf } from './translate/file.ts'
import { seccompPaths } from './translate/security.ts'

/** Most bytes of one config or secret. Those of a swarm are limited to 1 MB and 500 kB. */
const maxBytes = 16 * 1024 * 1024

/**
 * Reads what the configs and secrets of services hold: files, variables, contents written in the Compose file, and
 * configs of the swarm the engine manages.
 *
 * @param isRemote the engine is on another computer
 * @throws {compose/not-found} `environment variable "X" required by secret "s" is not set`
 */
export async function readMaterials(
  engine: Engine,
  project: Project,
  services: readonly Service[],
  isRemote: boolean,
  o: CallOptions,
): Promise<Materials> {
  const entries = new Map<string, Material>()
  for (const service of services) {
    for (const { kind, uses, objects } of kindsOf(project, service)) {
      for (const { source } of uses) {
        const object = objects[source]
        const key = materialKey(kind, source)
        if (object === undefined || entries.has(key)) continue
        const content = await readContent(engine, project, kind, source, object, o)
        entries.set(key, content === undefined ? {} : { content, fingerprint: toFingerprint(project, key, content) })
      }
    }
    for (const path of seccompPaths(project, service)) {
      const content = readBytesNow(path, maxBytes)
      entries.set(materialKey('seccomp', path), content === undefined ? {} : { content })
    }
    const spec = service.credential_spec?.config
    const object = spec === undefined ? undefined : project.configs[spec]
    if (spec !== undefined && object !== undefined && !entries.has(materialKey('config', spec))) {
      const content = await readContent(engine, project, 'config', spec, object, o)
      entries.set(materialKey('config', spec), content === undefined ? {} : { content })
    }
  }
  return { isRemote, entries }
}

async function readContent(
  engine: Engine,
  project: Project,
  kind: FileKind,
  name: string,
  object: FileObject,
  o: CallOptions,
): Promise<Uint8Array | undefined> {
  if (object.external === true) return kind === 'config' ? readSwarmConfig(engine, object.name, o) : undefined
  if (object.file !== undefined) return readBytesNow(object.file, maxBytes)
  if (object.content !== undefined) return Buffer.from(object.content)
  if (object.environment === undefined) return undefined
  const value = project.environment[object.environment]
  if (value !== undefined) return Buffer.from(value)
  throw new FlotillaError(
    'compose/not-found',
    `environment variable "${object.environment}" required by ${kind} "${object.name}" is not set`,
  )
}

/** What a config of a swarm holds; undefined where there is no swarm, or no such config in it. */
async function readSwarmConfig(engine: Engine, name: string, o: CallOptions): Promise<Uint8Array | undefined> {
  try {
    const path = `/configs/${escapeSegment(name)}`
    const request = { method: 'GET', path } as const
    const shape = { may: { Spec: { may: { Data: 'text' } } } } as const
    const config = await callForShape<{ Spec?: { Data?: string } }>(engine, request, shape, o)
    return Buffer.from(config.Spec?.Data ?? '', 'base64')
  } catch (error) {
    // 503: no manager of a swarm; 404: no such config, or an endpoint that knows nothing of them.
    if (isFlotillaError(error) && [404, 503, 501].includes(error.status ?? 0)) return undefined
    throw error
  }
}

/** Bytes of a fingerprint: 72 bits. */
const fingerprintBytes = 9

/**
 * Stands in a label that everybody with access to the engine can read. Secrets may be short words, so that trying
 * all of them has to be slow: some hundredths of a second each.
 */
function toFingerprint(project: Project, key: string, content: Uint8Array): string {
  const digest = scryptSync(content, `${project.name} ${key}`, fingerprintBytes, { N: 4096, r: 8, p: 1 })
  return digest.toString('base64url')
}
