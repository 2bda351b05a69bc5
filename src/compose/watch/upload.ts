import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import type { Stats } from 'node:fs'
import type { Pack } from 'tar-stream'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, toError, toMessage } from '../../core/errors.ts'
import { putArchive } from '../../engine/api/archive.ts'
import type { Engine } from '../../engine/engine.ts'
import type { OutputChunk } from '../../engine/streams.ts'
import { codeOf } from '../../io/files.ts'
import { kindOfPath } from '../../io/text-files.ts'
import { isAlive } from '../plan/observed.ts'
import type { ObservedContainer } from '../plan/observed.ts'
import { runInContainer } from '../execute/run-in-container.ts'
import { planDeletions, splitArguments } from './gone.ts'
import type { Deletions, GonePath } from './gone.ts'
import type { Match, Rule } from './rules.ts'

/** Most containers that are written to at once. */
const atOnce = 16

export interface SyncOptions extends CallOptions {
  readonly clock: Clock
  /** Paths of the rules. */
  readonly roots: readonly string[]
  readonly warn: (message: string) => void
}

/** One thing to be put into containers. */
interface Entry {
  readonly hostPath: string
  readonly containerPath: string
  readonly stat: Stats
}

/**
 * Brings changed paths into every container of a service: what is gone on this side is deleted there, the rest is
 * uploaded as one archive.
 *
 * @throws {compose/execute} naming the container
 */
export async function syncPaths(
  engine: Engine,
  containers: readonly ObservedContainer[],
  matches: readonly Match[],
  o: SyncOptions,
): Promise<void> {
  const entries: Entry[] = []
  const gone: GonePath[] = []
  for (const { hostPath, containerPath } of matches) {
    if (containerPath === undefined) continue
    const stat = await statOf(hostPath)
    if (stat === undefined) gone.push({ hostPath, containerPath })
    else entries.push({ hostPath, containerPath, stat })
  }
  const deletions = planDeletions(gone, o.roots, (path) => kindOfPath(path) !== 'missing')
  const waiting = [...containers]
  const worker = async (): Promise<void> => {
    for (let container = waiting.shift(); container !== undefined; container = waiting.shift()) {
      await syncContainer(engine, container, entries, deletions, o)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, containers.length) }, worker))
}

/** Characters of what a command says that are kept. */
const maxSaid = 1000

async function hear(output: AsyncIterable<OutputChunk>): Promise<string> {
  let said = ''
  for await (const { data } of output) if (said.length < maxSaid) said += data.toString('utf8')
  return said.slice(0, maxSaid)
}

async function syncContainer(
  engine: Engine,
  container: ObservedContainer,
  entries: readonly Entry[],
  { whole, ifEmpty }: Deletions,
  o: SyncOptions,
): Promise<void> {
  let failure: FlotillaError | undefined
  try {
    if (whole.length > 0 && isAlive(container)) await deletePaths(engine, container, whole, ifEmpty, o)
  } catch (error) {
    o.signal?.throwIfAborted()
    failure = failed('deleting paths in', container, error)
  }
  // What is to be there does not wait for what is not to be there any more.
  if (entries.length > 0) await uploadEntries(engine, container, entries, o)
  if (failure !== undefined) throw failure
}

/** Where the image has no `rm`, no later try would find one: it is told of, and is no failure. */
async function deletePaths(
  engine: Engine,
  container: ObservedContainer,
  whole: readonly string[],
  ifEmpty: readonly string[],
  o: SyncOptions,
): Promise<void> {
  for (const paths of splitArguments(whole)) {
    const { code, said } = await runQuietly(engine, container, ['rm', '-rf', ...paths], o)
    if (code === 0) continue
    if (!lacksProgram(said)) throw new Error(`rm ended with exit code ${code}${toReason(said)}`)
    o.warn(`${container.name} has no rm: what was deleted stays there: ${whole.join(', ')}`)
    return
  }
  // It goes on after each that is not empty, and what it cannot do is left undone.
  for (const paths of splitArguments(ifEmpty)) await runQuietly(engine, container, ['rmdir', ...paths], o)
}

/** What engines say of a program that is not there, or whose interpreter is not; their exit codes differ. */
function lacksProgram(said: string): boolean {
  return /: executable file not found in \$PATH|^exec \S+: no such file or directory/m.test(said)
}

function toReason(said: string): string {
  const [line = ''] = said.trim().split('\n')
  return line === '' ? '' : `: ${line}`
}

async function uploadEntries(
  engine: Engine,
  container: ObservedContainer,
  entries: readonly Entry[],
  o: SyncOptions,
): Promise<void> {
  try {
    // They are to belong to whom the container runs as, which may want to write and to delete them.
    const guard = hasFileAsRoot(entries, o.roots) ? { noOverwriteDirNonDir: true } : {}
    const query = { path: '/', copyUidGid: true, ...guard }
    await putArchive(engine, container.id, query, packEntries(entries), o)
  } catch (error) {
    throw failed('copying files to', container, error)
  }
}

/**
 * True when a rule itself names a file, whose `target` may be meant as the folder around it: that is not to be deleted for
 * the file. What lies within a rule's folder is followed when it turns from a folder into a file.
 */
function hasFileAsRoot(entries: readonly Entry[], roots: readonly string[]): boolean {
  return entries.some(({ hostPath, stat }) => !stat.isDirectory() && roots.includes(hostPath))
}

async function runQuietly(
  engine: Engine,
  { id }: ObservedContainer,
  command: readonly string[],
  o: SyncOptions,
): Promise<{ readonly code: number; readonly said: string }> {
  // The container's own folder may be among what has gone.
  const run = { id, command: { command, working_dir: '/' }, tty: false, clock: o.clock }
  try {
    const { code = 0, result } = await runInContainer(engine, run, hear, o)
    return { code, said: result }
  } catch (error) {
    // Some engines refuse to start it.
    if (lacksProgram(toMessage(error))) return { code: notFoundCode, said: toMessage(error) }
    throw error
  }
}

/** Exit code of a command that could not be found, as shells report it. */
const notFoundCode = 127

function failed(what: string, container: ObservedContainer, error: unknown): FlotillaError {
  return new FlotillaError('compose/execute', `${what} ${container.name}: ${toMessage(error)}`, { cause: error })
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await fs.lstat(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined
    throw error
  }
}

/** A tar with paths from the root of the container, owned by root. */
async function* packEntries(entries: readonly Entry[]): AsyncGenerator<Uint8Array, void> {
  const { pack } = await import('tar-stream')
  const archive = pack()
  const filling = (async () => {
    for (const entry of entries) await addEntry(archive, entry)
    archive.finalize()
  })().catch((error: unknown) => archive.destroy(toError(error)))
  yield* archive as AsyncIterable<Uint8Array>
  await filling
}

async function addEntry(archive: Pack, entry: Entry): Promise<void> {
  const { hostPath, stat } = entry
  const header = {
    name: entry.containerPath.replace(/^\/+/, ''),
    mode: stat.mode & 0o7777,
    mtime: stat.mtime,
    uid: 0,
    gid: 0,
  }
  await new Promise<void>((resolve, reject) => {
    const done = (error?: Error | null): void => (error ? reject(error) : resolve())
    if (stat.isDirectory()) archive.entry({ ...header, type: 'directory' }, done)
    else if (stat.isSymbolicLink()) {
      fs.readlink(hostPath).then(
        (linkname) => archive.entry({ ...header, type: 'symlink', linkname }, done),
        () => resolve(),
      )
    } else if (stat.isFile()) {
      // Read whole: the size in the header must be that of what follows, whatever happens to the file meanwhile.
      fs.readFile(hostPath).then(
        (content) => archive.entry(header, content, done),
        (error: unknown) => (codeOf(error) === 'ENOENT' ? resolve() : reject(error as Error)),
      )
    } else resolve()
  })
}

/**
 * What `initial_sync` of a rule has to bring: files changed after the image was made.
 *
 * @param imageMs when the image was made, in milliseconds since 1970
 */
export async function listInitial(rule: Rule, imageMs: number): Promise<readonly Match[]> {
  const found: Match[] = []
  async function visit(path: string): Promise<void> {
    const stat = await statOf(path)
    if (stat === undefined) return
    const match = rule.match(path)
    if (stat.isDirectory()) {
      // With `include`, a folder that is not named itself may hold what is.
      if (match === undefined && path !== rule.trigger.path && (rule.trigger.include ?? []).length === 0) return
      for (const name of (await fs.readdir(path)).sort()) await visit(join(path, name))
    } else if (match !== undefined && stat.mtimeMs >= imageMs) found.push(match)
  }
  await visit(rule.trigger.path)
  return found
}
