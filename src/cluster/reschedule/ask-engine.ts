import type { CallOptions } from '../../core/call.ts'
import { isFlotillaError } from '../../core/errors.ts'
import type { ClusterAccess } from '../cluster.ts'
import { isFields, readText } from '../wire.ts'

const askMs = 3000

/** @returns the ID of the engine at an address, undefined when nobody answers, `unclear` when the answer says nothing */
export async function askEngine(
  cluster: Pick<ClusterAccess, 'openEngineAt'>,
  addr: string,
  o: CallOptions = { deadlineMs: askMs },
): Promise<string | undefined> {
  let engine: ReturnType<ClusterAccess['openEngineAt']>
  try {
    engine = cluster.openEngineAt(addr)
  } catch {
    return undefined
  }
  try {
    const reply = await engine.request({ method: 'GET', path: '/info', unversioned: true }, o)
    const info = await reply.json<unknown>()
    return (isFields(info) ? readText(info, 'ID') : '') || 'unclear'
  } catch (error) {
    // An engine that answers with an error is there.
    return isFlotillaError(error) && error.status !== undefined ? 'unclear' : undefined
  } finally {
    await engine.close()
  }
}
