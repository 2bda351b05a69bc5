import type { CallOptions } from '../../../core/call.ts'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { openEngine } from '../../../engine/client.ts'
import type { Engine } from '../../../engine/engine.ts'
import { endpointFromEnvironment } from '../../../engine/environment.ts'
import type { DriverConfig, DriverContext } from '../../driver.ts'
import { readText } from '../../driver.ts'

/** The engine that the machine is a container of, as its state names it. The caller closes it. */
async function openOuter(ctx: DriverContext, config: DriverConfig): Promise<Engine> {
  const host = readText(config, 'OuterHost')
  const context = readText(config, 'OuterContext')
  const certPath = readText(config, 'OuterCertPath')
  // Nothing that a shell set for another engine may lead us there.
  const env = {
    ...ctx.env,
    DOCKER_HOST: undefined,
    DOCKER_CONTEXT: host === '' && context === '' ? ctx.env['DOCKER_CONTEXT'] : undefined,
    DOCKER_CERT_PATH: certPath === '' ? undefined : certPath,
    DOCKER_TLS: undefined,
    DOCKER_TLS_VERIFY: config['OuterTLSVerify'] === true ? '1' : undefined,
  }
  const choice = { ...(host === '' ? {} : { host }), ...(context === '' ? {} : { context }) }
  const { endpoint, apiVersion } = await endpointFromEnvironment(env, choice)
  return openEngine(endpoint, {
    clock: ctx.clock,
    userAgent: 'flotilla-machine',
    env,
    ...(apiVersion === undefined ? {} : { apiVersion }),
  })
}

/** Opens the outer engine for one piece of work. */
export async function withOuter<T>(
  ctx: DriverContext,
  config: DriverConfig,
  body: (engine: Engine) => Promise<T>,
): Promise<T> {
  const engine = await openOuter(ctx, config)
  try {
    return await body(engine)
  } finally {
    await engine.close()
  }
}

/** @throws {machine/precheck} when the engine cannot carry machines */
export async function requireOuter(engine: Engine, o: CallOptions): Promise<void> {
  const { engineInfo } = await import('../../../engine/api/system.ts')
  let info
  try {
    info = await engineInfo(engine, o)
  } catch (error) {
    throw new FlotillaError('machine/precheck', `cannot use the outer engine: ${toMessage(error)}`, {
      cause: error,
      hint: 'start it, or name another one with --docker-host or --docker-context',
    })
  }
  if (info.OSType !== 'linux') {
    throw new FlotillaError('machine/precheck', `the outer engine runs ${info.OSType} containers, machines need Linux`)
  }
  if ((info.SecurityOptions ?? []).some((option) => option.includes('name=rootless'))) {
    throw new FlotillaError('machine/precheck', 'the outer engine is rootless and cannot run an engine inside', {
      hint: 'name an engine that runs as root with --docker-host or --docker-context',
    })
  }
}

/**
 * True where containers' own addresses cannot be reached from here: engines in a virtual machine of a desktop product,
 * and engines on other computers.
 */
export async function needsPublishing(engine: Engine, o: CallOptions): Promise<boolean> {
  if (engine.endpoint.kind !== 'unix' || process.platform !== 'linux') return true
  const { engineInfo } = await import('../../../engine/api/system.ts')
  return /docker desktop/i.test((await engineInfo(engine, o)).OperatingSystem ?? '')
}

/** The address at which published ports of the engine are reached. */
export function outerAddress(engine: Engine): string {
  const { endpoint } = engine
  return endpoint.kind === 'tcp' || endpoint.kind === 'ssh' ? endpoint.host : '127.0.0.1'
}
