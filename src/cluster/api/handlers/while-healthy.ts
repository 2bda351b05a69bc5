import { makeChildAbort } from '../../../core/child-abort.ts'
import type { ChildAbort } from '../../../core/child-abort.ts'
import { FlotillaError } from '../../../core/errors.ts'
import type { Member } from '../../member.ts'
import type { Api } from '../call.ts'

const lookMs = 2000
/** A node that is busy with the very call may miss probes, and comes back. */
const patience = 3
const overReason = new FlotillaError('core/aborted', 'the call is over')

/**
 * Runs a call that may take as long as it likes under a signal that fires, too, when the cluster gives the node up: of
 * several nodes that are asked at once one that hangs must not keep the others' answer from the client.
 *
 * @param looks two seconds apart, at which the node must have been out of service
 * @throws {engine/unreachable} then
 */
export async function whileHealthy<T>(
  api: Api,
  member: Member,
  signal: AbortSignal,
  body: (signal: AbortSignal) => Promise<T>,
  looks: number = patience,
): Promise<T> {
  const stop = makeChildAbort(signal)
  void watch(api, member, stop, looks)
  try {
    return await body(stop.signal)
  } finally {
    stop.abort(overReason)
  }
}

async function watch({ cluster }: Api, member: Member, stop: ChildAbort, looks: number): Promise<void> {
  for (let missed = 0; !stop.signal.aborted; missed = member.isHealthy ? 0 : missed + 1) {
    await cluster.clock.sleep(lookMs, stop.signal).catch(() => undefined)
    if (stop.signal.aborted || member.isHealthy || missed < looks) continue
    stop.abort(new FlotillaError('engine/unreachable', `node ${member.name} stopped answering`, { status: 502 }))
  }
}
