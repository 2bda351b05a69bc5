import type { ErrorCode } from '../../core/errors.ts'
import { copyDictionary, makeDictionary } from '../model/dictionary.ts'
import type { Dictionary, MutableDictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import type { EnvFile, Service } from '../model/service.ts'
import { failedToRead, parseEnvFile, parseRawEnvFile } from './env-file.ts'
import { LoadError } from './failure.ts'
import { readWithin } from './limits.ts'
import type { Shared } from './stage.ts'
import type { TreeMap } from './tree.ts'

/**
 * Merges env files into `environment` (which wins, as does a later file) and label files into `labels`,
 * for the services that are on.
 *
 * @param tree of the project, for the place of an entry that is wrong
 * @throws {compose/not-found} for a file that is required and missing
 */
export function resolveServiceFiles(project: Project, tree: TreeMap, shared: Shared): Project {
  const services = copyDictionary(project.services)
  for (const [name, service] of Object.entries(services)) {
    const inherited = shared.options.skipEnvironment === true ? service : inherit(service, project.environment)
    const refuse: Refuse = (field, index, message, code, hint) => {
      throw new LoadError([shared.places.problem(tree, ['services', name, field, index], message, hint)], code)
    }
    const filled = resolveEnvironment(inherited, project.environment, shared, refuse)
    services[name] = resolveLabels(filled, shared, refuse)
  }
  return { ...project, services }
}

/** Ends it with the place of an entry, and a hint of more than that. */
type Refuse = (field: 'env_file' | 'label_file', index: number, ...why: Why) => never
type RefuseEntry = (...why: Why) => never
type Why = readonly [message: string, code?: ErrorCode, hint?: string]

/** A name without value takes that of the variables around, also where nothing else is filled in. */
function inherit(service: Service, variables: Dictionary<string>): Service {
  const own = Object.entries(service.environment ?? {})
  if (!own.some(([key, value]) => value === null && variables[key] !== undefined)) return service
  const filled = own.map(([key, value]) => [key, value ?? variables[key] ?? null] as const)
  return { ...service, environment: makeDictionary<string | null>(filled) }
}

function resolveEnvironment(service: Service, variables: Dictionary<string>, shared: Shared, refuse: Refuse): Service {
  if (shared.options.skipEnvironment === true || (service.env_file ?? []).length === 0) return service
  const own = service.environment ?? {}
  const found = makeDictionary<string>()
  for (const [key, value] of Object.entries(own)) if (value !== null) found[key] = value
  const lookUp = (key: string): string | undefined => variables[key] ?? own[key] ?? undefined
  for (const [index, file] of (service.env_file ?? []).entries()) {
    readInto(found, file, lookUp, shared, (...why) => refuse('env_file', index, ...why))
  }
  const environment: MutableDictionary<string | null> = copyDictionary<string | null>(found)
  for (const [key, value] of Object.entries(own)) environment[key] = value
  const { env_file: files, ...rest } = service
  const kept = shared.options.keepEnvFiles === true && files !== undefined ? { env_file: files } : {}
  return { ...rest, ...kept, environment }
}

function readInto(
  into: MutableDictionary<string>,
  file: EnvFile,
  lookUp: (key: string) => string | undefined,
  shared: Shared,
  refuse: RefuseEntry,
): void {
  const text = readWithin(shared.options.files, file.path, 'envFileBytes', shared.limits)
  if (text === undefined) {
    if (!file.required) return
    refuse(`env file ${file.path} not found: stat ${file.path}: no such file or directory`, 'compose/not-found')
  }
  if (file.format === 'raw') return wrap(file.path, refuse, () => parseRawEnvFile(text, into, lookUp))
  if (file.format !== undefined && file.format !== '') {
    refuse(`unsupported env_file format ${JSON.stringify(file.format)}`)
  }
  wrap(file.path, refuse, () => parseEnvFile(text, into, { lookUp, limits: shared.limits, warn: shared.warn }))
}

/** A mistake in the file itself is told with both places: its line, and what asked for the file. */
function wrap(path: string, refuse: RefuseEntry, read: () => void): void {
  try {
    read()
  } catch (error) {
    const { message, code, problems } = failedToRead(path, error)
    const [{ line, hint } = {}] = problems
    refuse(message, code, hint ?? (line === undefined ? undefined : `line ${line} of the file`))
  }
}

/** Label files see each other and nothing else: labels do not change with the shell they are made from. */
function resolveLabels(service: Service, shared: Shared, refuse: Refuse): Service {
  if (shared.options.skipLabelFiles === true || (service.label_file ?? []).length === 0) return service
  const found = makeDictionary<string>()
  for (const [index, path] of (service.label_file ?? []).entries()) {
    const text = readWithin(shared.options.files, path, 'envFileBytes', shared.limits)
    if (text === undefined) {
      const message = `label file ${path} not found: stat ${path}: no such file or directory`
      refuse('label_file', index, message, 'compose/not-found')
    }
    const earlier = copyDictionary(found)
    const lookUp = (key: string): string | undefined => earlier[key]
    const refuseEntry: RefuseEntry = (...why) => refuse('label_file', index, ...why)
    wrap(path, refuseEntry, () => parseEnvFile(text, found, { lookUp, limits: shared.limits, warn: shared.warn }))
  }
  // The files stay in the model, as in the reference program: its hash of a container is taken over their paths too.
  return { ...service, labels: Object.assign(found, service.labels) }
}
