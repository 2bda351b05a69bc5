import * as posix from 'node:path/posix'
import { copyDictionary, makeDictionary } from '../model/dictionary.ts'
import type { Dictionary, MutableDictionary } from '../model/dictionary.ts'
import type { Struct } from '../model/field/kind.ts'
import { fileObjectStruct, modelStruct, networkStruct, volumeStruct } from '../model/field/resource.ts'
import { serviceStruct } from '../model/field/service.ts'
import type { Mount } from '../model/mount.ts'
import type { Project, WrittenService } from '../model/project.ts'
import type { FileObject, Model, Network, Volume } from '../model/resource.ts'
import type { Service } from '../model/service.ts'
import { extendClassic } from '../legacy/classic-extends.ts'
import type { ClassicFile } from '../legacy/classic-extends.ts'
import { mergeAllClassic } from '../legacy/classic-merge.ts'
import { isWrittenMap } from '../legacy/classic-written.ts'
import { Binder } from './bind.ts'
import { checkConsistency } from './consistency.ts'
import { makeFailure } from './failure.ts'
import { loadGroup } from './group.ts'
import { joinPath } from './paths.ts'
import { normalize } from './normalize.ts'
import { beyondLimit } from './limits.ts'
import type { LoadOptions, Sources } from './options.ts'
import { checkProjectName, normalizeProjectName } from './project-name.ts'
import { parseFile, readFileOnto } from './read-file.ts'
import { applyProfiles, enableServices } from './select.ts'
import { resolveServiceFiles } from './service-files.ts'
import { makeShared, makeVariables } from './stage.ts'
import type { Shared } from './stage.ts'
import { substitute } from './substitute.ts'
import { isMap, makeMap, mapAt } from './tree.ts'
import type { TreeMap } from './tree.ts'

/**
 * Loads a project from the text of its files.
 *
 * Pure but for `options.files`. The result is frozen neither in depth nor by copy: nobody changes it.
 *
 * @throws {compose/invalid} with all problems of the stage that failed, each with file, line and column;
 *   {compose/interpolation}, {compose/not-found}, {compose/limit}
 */
export function loadProject(sources: Sources, options: LoadOptions): Project {
  const shared = makeShared(options)
  const { tree, name, environment } = loadModel(sources, shared)
  const project = bindProject(tree, name, environment, sources, shared)
  const active = applyProfiles(project, options.profiles ?? [])
  if (options.skipConsistency !== true) checkConsistency(active, tree, shared.places)
  // Those that are named are to be run: their files count as well. A name that there is not is for the caller to refuse.
  const named = (options.named ?? []).filter((service) => active.disabledServices[service] !== undefined)
  const complete = resolveServiceFiles(enableServices(active, named), tree, shared)
  checkLabels(complete, shared.limits.labels)
  return complete
}

/** With those of label files. */
function checkLabels(project: Project, most: number): void {
  for (const kind of ['services', 'networks', 'volumes', 'secrets', 'configs'] as const) {
    for (const [name, { labels }] of Object.entries<{ readonly labels?: Dictionary<unknown> }>(project[kind])) {
      if (labels === undefined || Object.keys(labels).length <= most) continue
      throw beyondLimit(`${kind}.${name}: more than ${most} labels`, 'labels')
    }
  }
}

/** The merged and normalized tree before it is bound: what `config --no-interpolate` prints. */
export function loadTree(sources: Sources, options: LoadOptions): TreeMap {
  return loadModel(sources, makeShared(options)).tree
}

interface Loaded {
  readonly tree: TreeMap
  readonly name: string
  /** With `COMPOSE_PROJECT_NAME` set to the name that was chosen. */
  readonly environment: Dictionary<string>
}

function loadModel(sources: Sources, shared: Shared): Loaded {
  const name = chooseName(sources, shared)
  const environment = copyDictionary(sources.environment)
  environment['COMPOSE_PROJECT_NAME'] = name
  const tree = loadGroup(sources.files, {
    shared,
    folder: sources.workingDir,
    base: sources.workingDir,
    root: sources.workingDir,
    environment,
    included: [],
    chain: [],
    isBase: false,
    isVersion1: false,
    readers: { readFileOnto, loadGroup },
  })
  if (Object.keys(tree).length === 0) throw makeFailure('empty compose file')
  if (name === '') throw makeFailure('project name must not be empty', 'compose/invalid', 'give one with -p')
  if (shared.options.skipNormalization !== true) {
    tree['name'] = name
    // The reference program fills nothing in from outside when it leaves variables alone.
    normalize(tree, name, shared.options.skipInterpolation === true ? makeDictionary() : environment)
  }
  return { tree, name, environment }
}

/** Given, else the last `name:` of the files, else the folder's. */
function chooseName(sources: Sources, shared: Shared): string {
  if (sources.projectName !== undefined && sources.projectName !== '') return checkProjectName(sources.projectName)
  const named = findName(sources, shared)
  const isRaw = shared.options.skipInterpolation === true
  const filled = isRaw || !named.includes('$') ? named : substitute(named, makeVariables(shared, sources.environment))
  // A name that has nothing left of it is an error, not the folder's name.
  if (named === '') {
    warnOfLink(sources, shared)
    return normalizeProjectName(sources.fallbackName ?? '')
  }
  return shared.options.skipNormalization === true ? filled : normalizeProjectName(filled)
}

/** By its other path the same folder is another project. */
function warnOfLink({ workingDir, fallbackName }: Sources, { options }: Shared): void {
  const name = posix.basename(workingDir)
  if (fallbackName !== name || posix.basename(options.files.resolveLinks(workingDir)) === name) return
  options.warn?.(`project has been loaded without an explicit name from a symlink. Using name ${JSON.stringify(name)}`)
}

/** The `name:` has to be known before variables are filled in, because they may refer to it. */
function findName(sources: Sources, shared: Shared): string {
  let name = ''
  for (const file of sources.files) {
    const documents = parseFile(file, shared)
    shared.parsed.set(file, documents)
    for (const { name: value } of documents) {
      if (typeof value === 'string' && value !== '') name = value
    }
  }
  return name
}

function bindProject(
  tree: TreeMap,
  name: string,
  environment: Dictionary<string>,
  sources: Sources,
  shared: Shared,
): Project {
  const binder = new Binder(tree, shared)
  const bound = {
    services: bindAll<Service>(binder, tree, 'services', serviceStruct),
    networks: bindAll<Network>(binder, tree, 'networks', networkStruct),
    volumes: bindAll<Volume>(binder, tree, 'volumes', volumeStruct),
    secrets: bindAll<FileObject>(binder, tree, 'secrets', fileObjectStruct),
    configs: bindAll<FileObject>(binder, tree, 'configs', fileObjectStruct),
    models: bindAll<Model>(binder, tree, 'models', modelStruct),
  }
  binder.finish()
  for (const [key, service] of Object.entries(bound.services)) {
    bound.services[key] = finishService(key, service, shared)
  }
  for (const [key, volume] of Object.entries(bound.volumes)) {
    if (shared.plainVolumes.has(key)) bound.volumes[key] = { ...volume, isPlain: true }
  }
  return {
    ...bound,
    ...extensionsOf(tree),
    name,
    disabledServices: makeDictionary(),
    workingDir: sources.workingDir,
    composeFiles: sources.files.map((file) => file.path),
    environmentFiles: sources.environmentFiles ?? [],
    environment,
    profiles: [],
    ...writtenOf(shared, sources.workingDir, environment['HOME']),
    ...(shared.seen.version1 && { isVersion1: true }),
  }
}

/** Services as they are written, those of several files merged as docker-compose 1 did it. */
function writtenOf(shared: Shared, folder: string, home: string | undefined): Pick<Project, 'written'> {
  const documents = shared.written.map((document) => mapAt(document ?? makeMap(), 'services'))
  const [first, ...others] = shared.written
  if (first === undefined || others.includes(undefined)) return {}
  if (others.length > 0 && shared.seen.version1) return {}
  const merged = makeDictionary<WrittenService | undefined>()
  for (const name of new Set(documents.flatMap((services) => Object.keys(services ?? {})))) {
    const parts = documents.map((services) => services?.[name]).map((part) => (isMap(part) ? part : {}))
    merged[name] = mergeAllClassic(parts)
  }
  const open = (from: ClassicFile, path: string): ClassicFile | undefined => {
    const full = joinPath(from.folder, path, home)
    const services = shared.bases.get(full)?.['services']
    if (!isWrittenMap(services)) return undefined
    return { services: asServices(services), folder: posix.dirname(full) }
  }
  const asServices = (services: WrittenService): ClassicFile['services'] => services as ClassicFile['services']
  const main = documents[0]
  const whole: ClassicFile = {
    services: merged,
    folder,
    ...(isWrittenMap(main) && { first: { services: asServices(main), folder } }),
  }
  const written = makeDictionary<WrittenService>()
  for (const name of Object.keys(merged)) {
    const isOld = shared.seen.version1 && merged[name]?.['extends'] !== undefined
    const service = isOld ? undefined : extendClassic(whole, name, open)
    if (service !== undefined) written[name] = service
  }
  return { written }
}

function bindAll<T>(binder: Binder, tree: TreeMap, kind: string, struct: Struct): MutableDictionary<T> {
  const made = makeDictionary<T>()
  for (const [key, value] of Object.entries(mapAt(tree, kind) ?? {})) {
    made[key] = binder.bindStruct(struct, isMap(value) ? value : makeMap(), [kind, key]) as T
  }
  return made
}

/** The name, and the one rule between fields that changes a value: `scale` is also `deploy.replicas`. */
function finishService(name: string, service: Service, shared: Shared): Service {
  const { scale, deploy } = service
  const volumeDriver = shared.volumeDrivers.get(name)
  const named = Object.assign(copyDictionary(service as unknown as Dictionary<unknown>), {
    name,
    ...(volumeDriver !== undefined && { volume_driver: volumeDriver }),
    ...(shared.options.convertWindowsPaths === true && service.volumes !== undefined
      ? { volumes: service.volumes.map(convertDrive) }
      : {}),
  }) as unknown as Service
  const count = scale ?? deploy?.replicas ?? 1
  if (count > shared.limits.replicas) {
    throw beyondLimit(`services.${name}: more than ${shared.limits.replicas} replicas`, 'replicas')
  }
  if (scale === undefined || deploy === undefined || deploy.replicas !== undefined) return named
  return shared.options.skipConsistency === true ? named : { ...named, deploy: { ...deploy, replicas: scale } }
}

/** `C:\\x` → `/c/x`: how engines on Windows see the host's drives. */
function convertDrive(mount: Mount): Mount {
  const drive = /^([a-zA-Z]):(.*)$/s.exec(mount.source ?? '')
  if (drive === null) return mount
  return { ...mount, source: `/${drive[1]?.toLowerCase() ?? ''}${drive[2]?.replaceAll('\\', '/') ?? ''}` }
}

function extensionsOf(tree: TreeMap): object {
  return Object.fromEntries(Object.entries(tree).filter(([key]) => key.startsWith('x-')))
}
