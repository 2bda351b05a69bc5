import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { putArchive } from '../../../engine/api/archive.ts'
import { inspectContainer } from '../../../engine/api/containers.ts'
import { containerLogs } from '../../../engine/api/streams.ts'
import type { Engine } from '../../../engine/engine.ts'
import type { HostFile } from '../../driver.ts'
import { isListening } from '../../provision/engine-steps.ts'
import { runInside } from './inside.ts'

const listenLimitMs = 120_000
const pollMs = 250

/** Writes files into the container's own layer, where they outlive a restart. */
export async function putFiles(engine: Engine, id: string, files: readonly HostFile[], o: CallOptions): Promise<void> {
  const archive = pack()
  for (const file of files) {
    archive.entry({ name: file.path.slice(1), mode: file.mode, uid: 0, gid: 0 }, file.content)
  }
  archive.finalize()
  await putArchive(engine, id, { path: '/' }, await buffer(archive), o)
}

/**
 * Waits until the engine inside listens. A published port says nothing: the outer engine answers there by itself.
 *
 * @throws {machine/provision} with the last words of the engine inside
 */
export async function waitForListening(
  engine: Engine,
  id: string,
  port: number,
  clock: Clock,
  o: CallOptions,
): Promise<void> {
  const endMs = clock.nowMs() + listenLimitMs
  for (;;) {
    const { State: state } = await inspectContainer(engine, id, {}, o)
    if (!state.Running) throw await silence(engine, id, 'the container of the machine has ended', o)
    const table = await runInside(engine, id, ['cat', '/proc/net/tcp', '/proc/net/tcp6'], clock, o)
    if (isListening(table.stdout, port)) return
    if (clock.nowMs() >= endMs || (await hasGivenUp(engine, id, o))) {
      throw await silence(engine, id, 'the engine of the machine does not start', o)
    }
    await clock.sleep(pollMs, o.signal)
  }
}

/** The supervisor starts dockerd again and again; one that refuses its own command line will not get better. */
async function hasGivenUp(engine: Engine, id: string, o: CallOptions): Promise<boolean> {
  return /unknown flag:|unable to configure the Docker daemon|failed to (?:start|load) .*daemon/i.test(
    await readLog(engine, id, 5, o),
  )
}

async function silence(engine: Engine, id: string, text: string, o: CallOptions): Promise<FlotillaError> {
  const log = (await readLog(engine, id, 15, o)).trim()
  return new FlotillaError('machine/provision', log === '' ? text : `${text}\nlast lines of the engine's log:\n${log}`)
}

async function readLog(engine: Engine, id: string, lines: number, o: CallOptions): Promise<string> {
  let text = ''
  const query = { stdout: true, stderr: true, tail: lines, follow: false }
  for await (const piece of await containerLogs(engine, id, query, o)) text += piece.data.toString()
  return text
}
