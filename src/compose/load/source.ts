import { isSwitchedOn } from '../../core/env-switch.ts'
import * as posix from 'node:path/posix'
import { copyDictionary, makeDictionary } from '../model/dictionary.ts'
import type { Dictionary, MutableDictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import { failedToRead, parseEnvFile } from './env-file.ts'
import { makeFailure } from './failure.ts'
import { loadProject, loadTree } from './load.ts'
import { beyondLimit, defaultLimits, readWithin } from './limits.ts'
import type { LoadOptions, SourceFile, Sources } from './options.ts'
import { RemoteNeeded } from './remote-needed.ts'
import type { TreeMap } from './tree.ts'
import { StrictReaderError } from './yaml-events.ts'

/** Where a project is to be found: flags, environment and folder of one command. */
export interface SourceRequest {
  /** Absolute. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** `-f`, in order; `-` is standard input. Empty: `COMPOSE_FILE`, else the usual names. */
  readonly files: readonly string[]
  /** `-p` */
  readonly projectName?: string
  /** `--project-directory` */
  readonly projectDirectory?: string
  /** `--env-file`; empty: `COMPOSE_ENV_FILES`, else `.env`. */
  readonly envFiles: readonly string[]
  /** `--profile`; empty: `COMPOSE_PROFILES`. */
  readonly profiles: readonly string[]
  /** Another name than the folder's, for files that come from elsewhere. */
  readonly fallbackName?: (paths: readonly string[]) => string | undefined
  /** Asked only when a file is `-`; gives up, with a longer text than that, beyond `maxBytes`. */
  readonly readStdin: (maxBytes: number) => Promise<string>
}

/** What was found before anything is loaded. */
export interface FoundSources {
  readonly sources: Sources
  readonly profiles: readonly string[]
  /** The process environment with the `COMPOSE_` variables of the env files in it. */
  readonly env: Dictionary<string>
}

/**
 * Finds, reads and loads a project.
 *
 * @throws {compose/not-found} `no configuration file provided: not found`; else as `loadProject`
 */
export async function readProject(request: SourceRequest, options: LoadOptions): Promise<Project> {
  const found = await findSources(request, options)
  const convertWindowsPaths = isSwitchedOn(found.env['COMPOSE_CONVERT_WINDOWS_PATHS'])
  const all = { convertWindowsPaths, ...options, profiles: found.profiles }
  return withReader(all, (once) => loadProject(found.sources, once))
}

/** The same up to the merged tree, with variables left as they stand where the options say so. */
export async function readTree(request: SourceRequest, options: LoadOptions): Promise<TreeMap> {
  const found = await findSources(request, options)
  return withReader({ ...options, profiles: found.profiles }, (all) => loadTree(found.sources, all))
}

/**
 * Loads with the quick YAML reader. When a text turns out to need the lax one it is loaded, and everything is read again;
 * what the first reading warned of is then left unsaid.
 */
async function withReader<T>(options: LoadOptions, load: (options: LoadOptions) => T): Promise<T> {
  const warnings: string[] = []
  let isRead = true
  try {
    return load({ ...options, warn: (message) => void warnings.push(message) })
  } catch (error) {
    if (!(error instanceof StrictReaderError)) throw error
    isRead = false
  } finally {
    if (isRead) for (const warning of warnings) options.warn?.(warning)
  }
  const { readEventsLaxly } = await import('./yaml-lax.ts')
  return load({ ...options, readLaxly: readEventsLaxly })
}

/** The files, folder, variables and profiles a request means, in the order the reference program looks. */
export async function findSources(request: SourceRequest, options: LoadOptions): Promise<FoundSources> {
  const env = definedOnly(request.env)
  env['PWD'] ??= request.cwd
  const given = request.projectDirectory
  const isLocal = (path: string): boolean => path === '-' || !isReference(path, options)
  const directory = given === undefined || given === '' ? undefined : fromCurrent(request, given)
  const envFiles = listEnvFiles(request, env)
  readEnvFiles(env, envFiles, directory ?? folderOf(request.files.filter(isLocal), request), options)
  const paths = listFiles(request, env, options)
  const folder = directory ?? folderOfLocal(paths, request, options)
  // The files may lie elsewhere than was thought when the first `.env` was looked for.
  readEnvFiles(env, envFiles, folder, options)
  const files = await readAll(paths, request, options)
  const name =
    request.projectName === undefined || request.projectName === '' ? env['COMPOSE_PROJECT_NAME'] : request.projectName
  return {
    sources: {
      files,
      workingDir: folder,
      environment: env,
      ...(name === undefined || name === '' ? {} : { projectName: name }),
      fallbackName: request.fallbackName?.(paths) ?? posix.basename(folder),
      environmentFiles: envFiles ?? [],
    },
    profiles: request.profiles.length > 0 ? request.profiles : readProfiles(env),
    env,
  }
}

/** Whether a name of a file means a remote one, fetched or not. */
function isReference(path: string, options: LoadOptions): boolean {
  try {
    return options.files.fetched?.(path) !== undefined
  } catch (error) {
    if (error instanceof RemoteNeeded) return true
    throw error
  }
}

function definedOnly(env: SourceRequest['env']): MutableDictionary<string> {
  const made = makeDictionary<string>()
  for (const [key, value] of Object.entries(env)) if (value !== undefined) made[key] = value
  return made
}

/** With no profile asked for, the one without a name is on: `profiles: ["${EXTRA}"]` counts once the variable is set. */
function readProfiles(env: Dictionary<string>): readonly string[] {
  return (env['COMPOSE_PROFILES'] ?? '').split(',').map((profile) => profile.trim())
}

function splitList(text: string, separator: string): readonly string[] {
  return text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** That of the first which has one: standard input has none, wherever it stands. */
function folderOf(paths: readonly string[], current: CurrentFolder): string {
  const first = paths.find((path) => path !== '-')
  return first === undefined ? current.cwd : posix.dirname(fromCurrent(current, first))
}

type CurrentFolder = Pick<SourceRequest, 'cwd'>

/** Asks for the current folder, which may have been deleted, only where the path is relative to it. */
function fromCurrent(current: CurrentFolder, path: string): string {
  return posix.isAbsolute(path) ? posix.resolve(path) : posix.resolve(current.cwd, path)
}

/** Absolute paths of the env files asked for, or nothing when `.env` is to be looked for. */
function listEnvFiles(request: SourceRequest, env: Dictionary<string>): readonly string[] | undefined {
  const asked = request.envFiles.length > 0 ? request.envFiles : splitList(env['COMPOSE_ENV_FILES'] ?? '', ',')
  return asked.length === 0 ? undefined : asked.map((path) => fromCurrent(request, expandHome(path, env['HOME'])))
}

/** As docker compose 5 does: shells leave `--env-file=~/x` and variables alone. */
function expandHome(path: string, home: string | undefined): string {
  return home !== undefined && /^~(?:\/|$)/.test(path) ? posix.join(home, path.slice(1)) : path
}

/** Adds the variables of env files below those that are set already. */
function readEnvFiles(
  env: MutableDictionary<string>,
  asked: readonly string[] | undefined,
  folder: string,
  options: LoadOptions,
): void {
  const paths = asked ?? findAutomatic(env, folder, options)
  const limits = { ...defaultLimits, ...options.limits }
  const before = copyDictionary(env)
  const found = makeDictionary<string>()
  for (const path of paths) {
    if (options.files.kindOf(path) === 'folder') throw makeFailure(`${path} is a directory`, 'compose/invalid')
    const text = readWithin(options.files, path, 'envFileBytes', limits)
    if (text === undefined) throw makeFailure(`couldn't find env file: ${path}`, 'compose/not-found')
    try {
      parseEnvFile(text, found, {
        lookUp: (key) => before[key],
        limits,
        ...(options.warn === undefined ? {} : { warn: options.warn }),
      })
    } catch (error) {
      throw failedToRead(path, error)
    }
  }
  for (const [key, value] of Object.entries(found)) if (!/^\s*\d/.test(key)) env[key] ??= value
}

/** The `.env` of the folder, when there is one that is to be read. */
function findAutomatic(env: Dictionary<string>, folder: string, options: LoadOptions): readonly string[] {
  if (readSwitch(env['COMPOSE_DISABLE_ENV_FILE'])) return []
  const path = posix.join(folder, '.env')
  return options.files.kindOf(path) === 'file' ? [path] : []
}

/** @throws {compose/invalid} for what Go's `strconv.ParseBool` does not know; without a value it is off */
function readSwitch(value: string | undefined): boolean {
  if (value === undefined || value === '') return false
  if (/^(?:1|t|T|TRUE|true|True)$/.test(value)) return true
  if (/^(?:0|f|F|FALSE|false|False)$/.test(value)) return false
  throw makeFailure(`strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`)
}

const fileNames = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml']

const overrideNames = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
]

function listFiles(request: SourceRequest, env: Dictionary<string>, options: LoadOptions): readonly string[] {
  if (request.files.length > 0) return request.files.map((path) => toAbsolute(path, request, options))
  const separator = env['COMPOSE_PATH_SEPARATOR'] ?? ''
  const paths = splitList(env['COMPOSE_FILE'] ?? '', separator === '' ? ':' : separator)
  if (paths.length === 0) return discover(request, options)
  return paths.map((path) => {
    const absolute = toAbsolute(path, request, options)
    if (absolute !== '-' && options.files.kindOf(absolute) === 'missing') {
      throw makeFailure(`stat ${absolute}: no such file or directory`, 'compose/not-found')
    }
    return absolute
  })
}

function toAbsolute(path: string, current: CurrentFolder, options: LoadOptions): string {
  return path === '-' ? path : (options.files.fetched?.(path) ?? fromCurrent(current, path))
}

/** The folder of the first file that is not remote; without one that of the first, where its other files lie. */
function folderOfLocal(paths: readonly string[], current: CurrentFolder, options: LoadOptions): string {
  const isRemote = (path: string): boolean => options.files.treeOf?.(path) !== undefined
  return folderOf(paths.every(isRemote) ? paths : paths.filter((path) => !isRemote(path)), current)
}

/** The usual names in this folder and then in each one above. */
function discover(request: SourceRequest, options: LoadOptions): readonly string[] {
  const { projectDirectory: given } = request
  const first = given === undefined || given === '' ? request.cwd : fromCurrent(request, given)
  let folder = first
  for (;;) {
    const found = present(fileNames, folder, options)
    const main = found[0]
    if (main !== undefined) {
      warnOfMany('config', found, main, options)
      const overrides = present(overrideNames, folder, options)
      const override = overrides[0]
      if (override === undefined) return [main]
      warnOfMany('override', overrides, override, options)
      return [main, override]
    }
    const above = posix.dirname(folder)
    if (above === folder) {
      const hint =
        options.files.kindOf(first) === 'folder'
          ? `no ${fileNames.join(', ')} in ${first} or above; -f FILE names another one`
          : `there is no folder ${first}`
      throw makeFailure('no configuration file provided: not found', 'compose/not-found', hint)
    }
    folder = above
  }
}

/** Of whatever kind: a folder of such a name is a mistake to be told of, where the files above would be another project. */
function present(names: readonly string[], folder: string, options: LoadOptions): readonly string[] {
  const paths = names.map((name) => posix.join(folder, name))
  return paths.filter((path) => options.files.kindOf(path) !== 'missing')
}

function warnOfMany(kind: 'config' | 'override', found: readonly string[], used: string, options: LoadOptions): void {
  if (found.length < 2) return
  options.warn?.(`Found multiple ${kind} files with supported names: ${found.join(', ')}`)
  options.warn?.(`Using ${used}`)
}

async function readAll(paths: readonly string[], request: SourceRequest, options: LoadOptions): Promise<SourceFile[]> {
  const limits = { ...defaultLimits, ...options.limits }
  const files: SourceFile[] = []
  let bytes = 0
  for (const path of paths) {
    const text =
      path === '-'
        ? await request.readStdin(limits.composeFileBytes)
        : readWithin(options.files, path, 'composeFileBytes', limits)
    if (text === undefined) throw makeFailure(`open ${path}: no such file or directory`, 'compose/not-found')
    bytes += text.length
    if (text.length > limits.composeFileBytes) {
      throw beyondLimit(`${path}: more than ${limits.composeFileBytes} bytes`, 'composeFileBytes')
    }
    if (bytes > limits.allFilesBytes) {
      throw beyondLimit(`the files of the project hold more than ${limits.allFilesBytes} bytes`, 'allFilesBytes')
    }
    files.push({ path, text })
  }
  return files
}
