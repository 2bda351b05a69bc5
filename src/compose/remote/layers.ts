import { createHash } from 'node:crypto'
import * as posix from 'node:path/posix'
import { isMap, isScalar, isSeq, parseAllDocuments } from 'yaml'
import type { Document } from 'yaml'
import { FlotillaError } from '../../core/errors.ts'
import { ANNOTATION, ARTIFACT } from './artifact.ts'
import { parseRemote } from './reference.ts'

/** One layer of an artifact to be published. */
export interface LayerDraft {
  /** Of the file it is made from, absolute. */
  readonly path: string
  readonly mediaType: string
  readonly annotations: Readonly<Record<string, string>>
  readonly text: string
}

export interface LayerSources {
  /** The project's files, absolute. */
  readonly files: readonly string[]
  readonly version: string
  /** Publish env files too. */
  readonly hasEnvFiles: boolean
  readonly readText: (path: string) => string | undefined
}

/**
 * The layers of a project: its files, the files their services extend, and their env files when asked for. Names of local
 * files become names in the artifact.
 *
 * @throws {compose/invalid} for `include` of a local file, which cannot be published
 */
export function draftLayers(sources: LayerSources): readonly LayerDraft[] {
  const layers: LayerDraft[] = []
  const extended = new Map<string, string>()
  const envFiles = new Map<string, string>()
  const add = (path: string, annotations: Readonly<Record<string, string>>): void => {
    const text = rewrite(read(path, sources), path, extended, envFiles)
    layers.push({
      path,
      mediaType: ARTIFACT.file,
      annotations: { [ANNOTATION.version]: sources.version, ...annotations },
      text,
    })
  }
  for (const path of sources.files) add(path, { [ANNOTATION.file]: posix.basename(path) })
  const done = new Set<string>()
  for (let next = nextOf(extended, done); next !== undefined; next = nextOf(extended, done)) {
    done.add(next)
    add(next, { [ANNOTATION.extends]: 'true', [ANNOTATION.file]: extended.get(next) ?? '' })
  }
  if (!sources.hasEnvFiles) return layers
  for (const [path, name] of envFiles) {
    const text = sources.readText(path)
    if (text === undefined) continue
    const annotations = { [ANNOTATION.version]: sources.version, [ANNOTATION.envFile]: name }
    layers.push({ path, mediaType: ARTIFACT.envFile, annotations, text })
  }
  return layers
}

function nextOf(names: ReadonlyMap<string, string>, done: ReadonlySet<string>): string | undefined {
  return [...names.keys()].find((path) => !done.has(path))
}

function read(path: string, sources: LayerSources): string {
  const text = sources.readText(path)
  if (text !== undefined) return text
  throw new FlotillaError('compose/not-found', `open ${path}: no such file or directory`)
}

/** A file as it is published. One that refers to no other file keeps every byte. */
function rewrite(text: string, path: string, extended: Map<string, string>, envFiles: Map<string, string>): string {
  const documents = parseAllDocuments(text, { logLevel: 'silent', keepSourceTokens: true }) as readonly Document[]
  if (!Array.isArray(documents)) return text
  const folder = posix.dirname(path)
  let isChanged = false
  for (const document of documents) {
    refuseIncludes(document, path)
    const services = document.get('services')
    if (!isMap(services)) continue
    for (const pair of services.items) {
      if (!isMap(pair.value)) continue
      const base = pair.value.getIn(['extends', 'file'], true)
      if (isScalar(base) && typeof base.value === 'string' && parseRemote(base.value) === undefined) {
        base.value = nameFor(posix.resolve(folder, base.value), 'yaml', extended)
        isChanged = true
      }
      const env = pair.value.get('env_file', true)
      const entries = isSeq(env) ? env.items : [env]
      for (const entry of entries) {
        const scalar = isMap(entry) ? entry.get('path', true) : entry
        if (!isScalar(scalar) || typeof scalar.value !== 'string') continue
        scalar.value = nameFor(posix.resolve(folder, scalar.value), 'env', envFiles)
        isChanged = true
      }
    }
  }
  return isChanged ? documents.map((document) => document.toString()).join('---\n') : text
}

function nameFor(path: string, ending: string, names: Map<string, string>): string {
  const name = names.get(path) ?? `${createHash('sha256').update(path).digest('hex')}.${ending}`
  names.set(path, name)
  return name
}

function refuseIncludes(document: Document, path: string): void {
  const include = document.get('include')
  if (!isSeq(include)) return
  for (const item of include.items) {
    const value: unknown = isMap(item) ? item.toJSON() : isScalar(item) ? item.value : undefined
    const paths = typeof value === 'object' && value !== null ? Reflect.get(value, 'path') : value
    const all: readonly unknown[] = Array.isArray(paths) ? paths : [paths]
    if (all.every((entry) => typeof entry === 'string' && parseRemote(entry) !== undefined)) continue
    throw new FlotillaError('compose/invalid', 'cannot publish compose file with local includes', {
      hint: `${path} includes ${all.map(String).join(', ')}`,
    })
  }
}
