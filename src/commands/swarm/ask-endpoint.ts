import type { Context } from '../../cli/command.ts'
import { programVersion } from '../../core/program.ts'
import { openEngine } from '../../engine/client.ts'
import type { Engine } from '../../engine/engine.ts'
import { endpointFromEnvironment } from '../../engine/environment.ts'
import type { EngineChoice } from '../../engine/environment.ts'

/** The flags by which an endpoint is found. */
export interface EndpointFlags {
  readonly host: string | undefined
  readonly tls: boolean
  readonly tlsverify: boolean
  readonly tlscacert: string | undefined
  readonly tlscert: string | undefined
  readonly tlskey: string | undefined
  given(name: never): boolean
}

/** Opens the endpoint that flags and environment choose, as the docker command does, and closes it after `body`. */
export async function withEndpoint<T>(
  ctx: Context,
  flags: EndpointFlags,
  body: (endpoint: Engine) => Promise<T>,
): Promise<T> {
  const choice: EngineChoice = {
    ...(flags.host !== undefined && flags.host !== '' && { host: flags.host }),
    ...(flags.tls && { isTls: true }),
    ...(flags.tlsverify && { isVerified: true }),
    ...(flags.tlscacert !== undefined && { caFile: flags.tlscacert }),
    ...(flags.tlscert !== undefined && { certFile: flags.tlscert }),
    ...(flags.tlskey !== undefined && { keyFile: flags.tlskey }),
  }
  const { endpoint } = await endpointFromEnvironment(ctx.env, choice)
  const engine = openEngine(endpoint, { clock: ctx.clock, userAgent: `flotilla/${programVersion}`, env: ctx.env })
  try {
    return await body(engine)
  } finally {
    await engine.close()
  }
}
