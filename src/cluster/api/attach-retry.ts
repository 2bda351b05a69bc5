import { isFlotillaError } from '../../core/errors.ts'
import { readFields, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import type { Api } from './call.ts'
import { isLocal } from './names.ts'

/** How long a network of the swarm may take to come to a worker. */
const attachMs = 20_000
const pauseMs = 500
/** An engine may wait as long itself before it says so: then that was no try. */
const minTries = 3

/**
 * Runs a call that attaches a container to a network of the swarm, again while the engine says what passes by itself: a
 * worker fetches the network with the first container that needs it, and may let go of it again at the moment another
 * one comes (moby pull request 27466).
 */
export async function whileAttaching<T>(api: Api, signal: AbortSignal, body: () => Promise<T>): Promise<T> {
  const { clock } = api.cluster
  const untilMs = clock.monotonicMs() + attachMs
  for (let tries = 1; ; tries += 1) {
    try {
      return await body()
    } catch (error) {
      if (!isPassing(error) || (tries >= minTries && clock.monotonicMs() >= untilMs)) throw error
      await clock.sleep(pauseMs, signal)
    }
  }
}

function isPassing(error: unknown): boolean {
  if (!isFlotillaError(error) || error.status === undefined) return false
  return /network .* not found|could not attach to network|attaching to network failed/.test(error.message)
}

/** Whether a network of that name or ID spans nodes. */
export function isSpanningNetwork(api: Api, reference: string): boolean {
  const found = api.cluster.directory.findNetwork(reference)
  return found.kind === 'found' && !isLocal(found.item)
}

/** Whether a create call names a network that spans nodes. */
export function needsSpanning(api: Api, body: Fields): boolean {
  const mode = readText(readFields(body, 'HostConfig'), 'NetworkMode')
  const names = Object.keys(readFields(readFields(body, 'NetworkingConfig'), 'EndpointsConfig'))
  return [mode, ...names].some((name) => name !== '' && isSpanningNetwork(api, name))
}
