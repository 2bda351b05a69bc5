import { posix } from 'node:path'
import type { Context } from '../../../cli/command.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { makeFolder, readTextFile, writeFileAtomic } from '../../../io/files.ts'
import { withLock } from '../../../io/lock.ts'
import { ownProgram } from '../../../io/own-program.ts'
import type { ProcessIdentity } from '../../../io/process-identity.ts'

/** Where the quickstart keeps everything it makes; one folder, so that taking it away leaves nothing. */
export interface Place {
  readonly folder: string
  /** Store of the hosts, as for `docker-machine --storage-path`. */
  readonly store: string
  /** Unix socket of the endpoint. */
  readonly socket: string
  readonly log: string
  readonly composeFile: string
  readonly record: string
}

/** What is running, written before it is started. */
export interface QuickstartRecord {
  readonly hosts: readonly string[]
  readonly manager?: ProcessIdentity
  /** Hosts that the endpoint was started over; a run that was cut off may have made more. */
  readonly managed?: readonly string[]
}

/** Longest path a Unix socket address holds, less its closing zero. */
const longestSocketPath = 107

/** @throws {cli/invalid-value} when the folder's path is too long for a socket in it */
export function placeAt(ctx: Pick<Context, 'cwd'>, stateDir: string): Place {
  // The endpoint runs in another folder than this command.
  const folder = posix.resolve(ctx.cwd, stateDir)
  const socket = posix.join(folder, 'docker.sock')
  if (socket.length > longestSocketPath) {
    throw new FlotillaError(
      'cli/invalid-value',
      `the path ${folder} is too long to hold a socket, choose a shorter one`,
    )
  }
  return {
    folder,
    store: posix.join(folder, 'machine'),
    socket,
    log: posix.join(folder, 'swarm.log'),
    composeFile: posix.join(folder, 'project', 'compose.yaml'),
    record: posix.join(folder, 'quickstart.json'),
  }
}

export async function readQuickstart(place: Place): Promise<QuickstartRecord | undefined> {
  const text = await readTextFile(place.record)
  if (text === undefined) return undefined
  try {
    const value = JSON.parse(text) as QuickstartRecord
    if (Array.isArray(value.hosts)) return value
  } catch {
    // Falls through to the one error below.
  }
  throw new FlotillaError('io/file', `${place.record} is damaged`, {
    hint: `remove the hosts with \`${renderOwn(['machine', '--storage-path', place.store, 'rm', '-f', 'NAME'])}\` and then ${place.folder}`,
  })
}

export async function writeQuickstart(place: Place, record: QuickstartRecord): Promise<void> {
  await makeFolder(place.folder, 0o700)
  await writeFileAtomic(place.record, `${JSON.stringify(record, null, 2)}\n`, 0o600)
}

/**
 * Runs `body` while nobody else brings this quickstart up or down: two at once would start two endpoints, of which one is
 * forgotten.
 *
 * @throws {io/locked} naming the process that does
 */
export async function withQuickstart<T>(ctx: Context, place: Place, body: () => Promise<T>): Promise<T> {
  // Beside the folder, which goes away at the end.
  await makeFolder(posix.dirname(place.folder), 0o711)
  const options = { clock: ctx.clock, waitMs: 0, signal: ctx.signal, subject: `the quickstart in ${place.folder}` }
  return withLock(`${place.folder}.lock`, options, body)
}

/** A command line of this program that works as it stands, also where it is not on the PATH. */
export function renderOwn(words: readonly string[]): string {
  return [...ownProgram(), ...words].map((word) => (/[^\w@%+=:,./-]/.test(word) ? `'${word}'` : word)).join(' ')
}

/** A line of what is going on, on the error stream: the standard output stays for the result. */
export function say(ctx: Context, text: string): void {
  ctx.stderr.write(`${text}\n`)
}
