import { rm } from 'node:fs/promises'
import type { Context } from '../../../cli/command.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { engineInfo } from '../../../engine/api/system.ts'
import type { Engine } from '../../../engine/engine.ts'
import { startDetached } from '../../../io/detached.ts'
import { readTextFile } from '../../../io/files.ts'
import { ownProgram } from '../../../io/own-program.ts'
import { isAlive, pollUntil, readIdentity, signalProcess } from '../../../io/process-identity.ts'
import type { ProcessIdentity } from '../../../io/process-identity.ts'
import type { Place } from './place.ts'

const healthyWithinMs = 60_000
const stopsWithinMs = 15_000

/** Starts `swarm manage` over the engines in the background, on a Unix socket only root can open. */
export async function startManager(
  ctx: Context,
  place: Place,
  urls: readonly string[],
  onSpawn: (manager: ProcessIdentity) => Promise<void>,
): Promise<void> {
  const certs = `${place.store}/certs`
  const addresses = urls.map((url) => url.replace(/^tcp:\/\//, '')).join(',')
  await startDetached(
    [
      ...ownProgram(),
      'swarm',
      'manage',
      '--tlsverify',
      '--tlscacert',
      `${certs}/ca.pem`,
      '--tlscert',
      `${certs}/cert.pem`,
      '--tlskey',
      `${certs}/key.pem`,
      '-H',
      `unix://${place.socket}`,
      `nodes://${addresses}`,
    ],
    {
      clock: ctx.clock,
      logPath: place.log,
      env: ctx.env,
      onSpawn: async (pid) => {
        const identity = await readIdentity(pid)
        if (identity !== undefined) await onSpawn(identity)
      },
    },
  )
}

/**
 * Waits until the endpoint reports all nodes healthy.
 *
 * @throws {cluster/unhealthy} with the end of the manager's log
 */
export async function waitForNodes(
  ctx: Context,
  place: Place,
  engine: Engine,
  manager: () => ProcessIdentity | undefined,
  count: number,
): Promise<void> {
  let healthy = 0
  const isUp = await pollUntil(
    async () => {
      const identity = manager()
      if (identity !== undefined && !(await isAlive(identity))) throw await explain(place, 'the endpoint ended')
      healthy = await countHealthy(engine)
      return healthy >= count
    },
    healthyWithinMs,
    ctx.clock,
    { signal: ctx.signal, everyMs: 100 },
  )
  if (!isUp) throw await explain(place, `only ${healthy} of ${count} hosts answer through the endpoint`)
}

async function countHealthy(engine: Engine): Promise<number> {
  try {
    const info = await engineInfo(engine, { deadlineMs: 5000 })
    return (info.SystemStatus ?? []).filter(([key, value]) => key.endsWith('Status') && value === 'Healthy').length
  } catch {
    // Not listening so far.
    return 0
  }
}

async function explain(place: Place, what: string): Promise<FlotillaError> {
  const log = (await readTextFile(place.log)) ?? ''
  return new FlotillaError(
    'cluster/unhealthy',
    `${what}; the end of ${place.log}:\n${log.trim().split('\n').slice(-5).join('\n')}`,
  )
}

/** Ends the endpoint: asks first, then insists. */
export async function stopManager(ctx: Context, place: Place, manager: ProcessIdentity): Promise<void> {
  await signalProcess(manager, 'SIGTERM')
  const isGone = await pollUntil(async () => !(await isAlive(manager)), stopsWithinMs, ctx.clock)
  if (!isGone) await signalProcess(manager, 'SIGKILL')
  await rm(place.socket, { force: true })
}
