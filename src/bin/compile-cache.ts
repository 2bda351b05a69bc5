import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type NodeModule from 'node:module'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'
import type * as v8 from 'node:v8'
import type * as vm from 'node:vm'

type Env = Readonly<Record<string, string | undefined>>

/**
 * Keeps compiled code between starts: two thirds of the loading time of large chunks (330 kB: 9 ms without
 * it, 3 ms with it). Node does it itself from 22.1 on; before that our own loader does.
 *
 * Only in a folder of the user's own: a folder below the shared temporary one could be filled beforehand by
 * somebody else, and compiled code is trusted. Never fails.
 */
export function enableCompileCache(env: Env): void {
  const folder = cacheFolder(env)
  if (folder === undefined || process.versions['bun'] !== undefined) return
  try {
    // Not imported: the single-file executable has no use for it.
    const module = process.getBuiltinModule('node:module')
    const enable: unknown = Reflect.get(module, 'enableCompileCache')
    if (typeof enable === 'function') {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      enable(folder)
    } else {
      installLoader(module, folder)
    }
  } catch {
    // Starting slower is no reason not to start.
  }
}

function cacheFolder(env: Env): string | undefined {
  if ((env['NODE_COMPILE_CACHE'] ?? '') !== '' || env['NODE_DISABLE_COMPILE_CACHE'] === '1') return undefined
  const home = env['HOME'] ?? ''
  const cache = env['XDG_CACHE_HOME'] ?? (home === '' ? '' : join(home, '.cache'))
  return cache.startsWith('/') ? join(cache, 'flotilla', 'compiled') : undefined
}

interface CommonModule {
  exports: unknown
  require(id: string): unknown
  _compile(source: string, filename: string): void
}

type Load = (target: CommonModule, filename: string) => void

/** Below this compiling is quicker than reading a second file. */
const leastLength = 50_000

function installLoader(module: typeof NodeModule, folder: string): void {
  const extensions = Reflect.get(module.Module, '_extensions') as Record<string, Load>
  extensions['.cjs'] = (target, filename) => {
    const source = readFileSync(filename, 'utf8')
    // Chunks carry a hash of their content in their name, so the name is the key.
    if (source.length < leastLength || basename(dirname(filename)) !== 'chunks') target._compile(source, filename)
    else runCached({ module, target, filename, source, folder })
  }
}

interface CachedRun {
  readonly module: typeof NodeModule
  readonly target: CommonModule
  readonly filename: string
  readonly source: string
  readonly folder: string
}

function runCached({ module, target, filename, source, folder }: CachedRun): void {
  // Not imported above: most starts load no large chunk, and these two cost them a millisecond.
  const { Script, constants } = target.require('node:vm') as typeof vm
  const { cachedDataVersionTag } = target.require('node:v8') as typeof v8
  const cachePath = join(folder, `${basename(filename)}-${cachedDataVersionTag()}`)
  const cachedData = readCache(cachePath)
  const script = new Script(module.Module.wrap(source), {
    filename,
    ...(cachedData === undefined ? {} : { cachedData }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  const run = script.runInThisContext() as (...args: readonly unknown[]) => void
  run.call(target.exports, target.exports, (id: string) => target.require(id), target, filename, dirname(filename))
  // At the end, when the functions that were used are compiled too.
  if (cachedData === undefined || script.cachedDataRejected === true) {
    process.once('exit', () => writeCache(cachePath, script))
  }
}

function readCache(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

function writeCache(path: string, script: vm.Script): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const temporary = `${path}.${process.pid}`
    writeFileSync(temporary, script.createCachedData(), { mode: 0o600 })
    renameSync(temporary, path)
  } catch {
    // A full or read-only disk: the next start tries again.
  }
}
