import type { Context } from '../../cli/command.ts'
import type { BuildHost } from '../../compose/build/build-image.ts'
import type { Project } from '../../compose/model/project.ts'
import { renderEndpoint } from '../../engine/endpoint-parse.ts'
import type { Session } from './session.ts'

/**
 * What builds take from the user: variables, logins, proxies. Nothing is read before something is built. Scripts that read our
 * output find the classic builder's lines in it, as with docker-compose; on a terminal they are progress like others'.
 */
export function makeBuildHost(ctx: Context, session: Session, project: Project, isQuiet = false): BuildHost {
  const options = { env: ctx.env, clock: ctx.clock, signal: ctx.signal }
  const load = () => import('../../engine/registry-credentials.ts')
  return {
    env: { ...ctx.env, ...project.environment },
    isClassic: isClassicAsked(ctx.env),
    credentials: async (host) => (await load()).readHostCredentials(host, options),
    registryConfig: async () => (await load()).readRegistryConfig(options),
    defaultArgs: async () => (await load()).readProxyVariables(renderEndpoint(session.engine.endpoint), ctx.env),
    ...(!isQuiet && !ctx.terminal.isTty && { classicOutput: (line: string) => void ctx.stdout.write(`${line}\n`) }),
  }
}

/** `DOCKER_BUILDKIT=0`: the classic builder is wanted. */
export function isClassicAsked(env: Context['env']): boolean {
  return /^(?:0|f|false)$/i.test(env['DOCKER_BUILDKIT'] ?? '')
}

/** The ready `X-Registry-Auth` value for an image; loaded only where something is pulled or pushed. */
export async function readAuth(ctx: Context, reference: string): Promise<string | undefined> {
  const { readRegistryAuth } = await import('../../engine/registry-credentials.ts')
  return readRegistryAuth(reference, { env: ctx.env, clock: ctx.clock, signal: ctx.signal })
}
