import type { CallOptions } from '../../core/call.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { programVersion } from '../../core/program.ts'
import { openEngine } from '../../engine/client.ts'
import { parseEndpoint } from '../../engine/endpoint-parse.ts'
import type { Engine } from '../../engine/engine.ts'
import { checkConnection, parseTcpUrl, readTls } from '../connection.ts'
import type { Driver } from '../driver.ts'
import type { Host } from '../host.ts'
import { toList } from '../host.ts'
import { hostOptionsDir } from '../provision/unit-file.ts'
import { enterSwarm } from './swarm-mode.ts'
import type { SwarmPeer } from './swarm-mode.ts'
import { readLastLines, runSwarmContainers } from './run-swarm.ts'
import type { SwarmContext } from './run-swarm.ts'

export interface SwarmSetupContext extends SwarmContext {
  readonly program?: string
  /** A machine of the store with its driver, for joining the swarm it is in. */
  readonly openMachine?: (name: string) => Promise<{ readonly host: Host; readonly driver: Driver }>
}

const managerWaitMs = 60_000

/**
 * Makes a machine whose engine answers what its swarm options say: manager and agent of a classic swarm, or a member of a
 * native one. May be run again.
 *
 * @param optionsDir folder of the certificates on the host
 */
export async function setUpSwarm(
  host: Host,
  driver: Driver,
  ctx: SwarmSetupContext,
  o: CallOptions,
  optionsDir: string = hostOptionsDir,
): Promise<void> {
  const swarm = host.options.SwarmOptions
  const { Mode, Join } = swarm
  if (!swarm.IsSwarm && typeof Mode !== 'string') return
  const self = await openPeer(host, driver, ctx, o)
  try {
    if (Mode === 'manager' || Mode === 'worker') {
      await enter(self, Mode, typeof Join === 'string' ? Join : '', ctx, o)
    }
    if (!swarm.IsSwarm) return
    const { port } = parseTcpUrl(await driver.engineUrl(o))
    const env = toList(host.options.EngineOptions.Env)
    await runSwarmContainers(self.engine, swarm, { address: self.address, enginePort: port, optionsDir, env }, ctx, o)
    if (swarm.Master) await waitForManager(host, driver, self.engine, ctx, o)
  } finally {
    await self.engine.close()
  }
}

async function enter(
  self: SwarmPeer,
  mode: 'manager' | 'worker',
  join: string,
  ctx: SwarmSetupContext,
  o: CallOptions,
): Promise<void> {
  if (join === '') {
    await enterSwarm(self, mode, undefined, ctx.log, o)
    return
  }
  if (ctx.openMachine === undefined) throw new FlotillaError('machine/provision', `cannot look up machine "${join}"`)
  const other = await ctx.openMachine(join)
  const via = await openPeer(other.host, other.driver, ctx, o)
  try {
    await enterSwarm(self, mode, via, ctx.log, o)
  } finally {
    await via.engine.close()
  }
}

async function openPeer(host: Host, driver: Driver, ctx: SwarmContext, o: CallOptions): Promise<SwarmPeer> {
  const url = await driver.engineUrl(o)
  const tls = await readTls(host.options.AuthOptions)
  const engine = openEngine(parseEndpoint(url, { ...tls, isVerified: true }), {
    clock: ctx.clock,
    userAgent: `flotilla/${programVersion}`,
  })
  return { name: host.name, engine, address: await driver.address(o) }
}

/** A manager that ends at once is started again and again: its own words say why. */
async function waitForManager(
  host: Host,
  driver: Driver,
  engine: Engine,
  ctx: SwarmSetupContext,
  o: CallOptions,
): Promise<void> {
  const endMs = ctx.clock.nowMs() + managerWaitMs
  for (;;) {
    try {
      await checkConnection(host, driver, { ...ctx, isSwarm: true }, o)
      return
    } catch (error) {
      if (o.signal?.aborted === true) throw error
      if (ctx.clock.nowMs() > endMs) {
        const lines = await readLastLines(engine, 'swarm-agent-master', o)
        const text = `the swarm manager does not answer: ${toMessage(error)}`
        throw new FlotillaError('machine/provision', lines === '' ? text : `${text}\nits last lines:\n${lines}`, {
          cause: error,
        })
      }
    }
    await ctx.clock.sleep(250, o.signal)
  }
}
