import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../core/errors.ts'
import { codeOf, makeFolder, pathExists, readTextFile, sweepTemporaries, writeFileAtomic } from '../io/files.ts'
import { withLock } from '../io/lock.ts'
import { checkHostName, DEFAULT_PROGRAM, isHostName } from './host.ts'
import type { Host } from './host.ts'
import { parseRecord, renderRecord } from './record.ts'
import { rebasePaths } from './rebase.ts'
import { existsError, notFoundError } from './store.ts'
import type { Store } from './store.ts'

const recordMode = 0o600
const folderMode = 0o700
const maxRecordBytes = 4 * 1024 * 1024
/** How long a command waits for another one on the same machine, unless it says otherwise. */
const defaultWaitMs = 10_000
/** Folders on their way out; the dot keeps them out of every list, docker-machine's too. */
const removedPrefix = '.removed-'

/**
 * The store on disk, in docker-machine's layout: `machines/NAME/config.json` and its neighbours. The
 * folder's name is the machine's name. Locks lie in `locks/`, which docker-machine does not look at.
 *
 * @param program how advice calls this program
 */
export function fileStore(root: string, clock: Clock, program: string = DEFAULT_PROGRAM): Store {
  const machines = join(root, 'machines')

  function pathOf(name: string): string {
    return join(machines, name)
  }

  function recordOf(name: string): string {
    return join(machines, name, 'config.json')
  }

  async function exists(name: string): Promise<boolean> {
    return isSafe(name) && (await pathExists(pathOf(name)))
  }

  async function save(host: Host): Promise<void> {
    checkHostName(host.name)
    await writeFileAtomic(recordOf(host.name), renderRecord(host), recordMode)
    await sweepTemporaries(recordOf(host.name))
  }

  async function load(name: string): Promise<Host> {
    if (!(await exists(name))) throw notFoundError(name, program)
    const text = await readRecordText(recordOf(name), name)
    const { host, isMigrated } = parseRecord(text, name, root)
    const rebased = await rebasePaths(host, root, pathExists)
    if (isMigrated) await keepMigrated(rebased, text)
    return rebased
  }

  /** Saves a migrated record and the old text. On a disk that is full or read-only the next load migrates again. */
  async function keepMigrated(host: Host, oldText: string): Promise<void> {
    const backup = `${recordOf(host.name)}.bak`
    try {
      if (!(await pathExists(backup))) await writeFileAtomic(backup, oldText, recordMode)
      await save(host)
    } catch (error) {
      if (!isFlotillaError(error) || error.code !== 'io/file') throw error
    }
  }

  async function create(host: Host): Promise<void> {
    checkHostName(host.name)
    await makeFolder(machines, folderMode)
    try {
      await fs.mkdir(pathOf(host.name), { mode: folderMode })
    } catch (error) {
      if (codeOf(error) === 'EEXIST') throw existsError(host.name)
      throw storeError(`make a folder for machine "${host.name}"`, error)
    }
    try {
      await save(host)
    } catch (error) {
      await fs.rm(pathOf(host.name), { recursive: true, force: true }).catch(() => {})
      throw error
    }
  }

  async function remove(name: string): Promise<void> {
    if (!(await exists(name))) throw notFoundError(name, program)
    const leaving = join(machines, `${removedPrefix}${name}-${process.pid}-${clock.nowMs()}`)
    try {
      await fs.rename(pathOf(name), leaving)
      // Those of removals that were cut short go too.
      const entries = (await fs.readdir(machines)).filter((entry) => entry.startsWith(removedPrefix))
      for (const entry of entries) await fs.rm(join(machines, entry), { recursive: true, force: true })
    } catch (error) {
      throw storeError(`delete machine "${name}"`, error)
    }
  }

  async function lock<T>(name: string, body: () => Promise<T>, o: CallOptions = {}): Promise<T> {
    if (!isSafe(name)) throw notFoundError(name, program)
    const folder = join(root, 'locks')
    await makeFolder(folder, folderMode)
    const waitMs = o.deadlineMs ?? defaultWaitMs
    const options = { clock, waitMs, subject: `machine "${name}"`, ...(o.signal && { signal: o.signal }) }
    return withLock(join(folder, `machine-${name}.lock`), options, body)
  }

  return { root, pathOf, list: () => listNames(machines), exists, load, save, create, remove, lock }
}

/** Names that may stand in a path; older stores may hold some that new machines are refused. */
function isSafe(name: string): boolean {
  return isHostName(name) || (name !== '' && !name.startsWith('.') && !/[/\\\0]/.test(name))
}

async function listNames(machines: string): Promise<readonly string[]> {
  try {
    const entries = await fs.readdir(machines, { withFileTypes: true })
    const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    return names.map((entry) => entry.name).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw storeError(`list ${JSON.stringify(machines)}`, error)
  }
}

async function readRecordText(path: string, name: string): Promise<string> {
  let text: string | undefined
  try {
    text = await readTextFile(path, maxRecordBytes)
  } catch (error) {
    throw new FlotillaError(
      'machine/invalid-record',
      `cannot read the record of machine "${name}": ${toMessage(error)}`,
      {
        cause: error,
      },
    )
  }
  if (text === undefined) {
    throw new FlotillaError('machine/invalid-record', `cannot read the record of machine "${name}": ${path} is missing`)
  }
  return text
}

function storeError(action: string, cause: unknown): FlotillaError {
  return new FlotillaError('machine/store', `cannot ${action}: ${toMessage(cause)}`, { cause })
}
