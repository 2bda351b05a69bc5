import type { Context } from '../../cli/command.ts'
import type { BuildHost } from '../../compose/build/build-image.ts'
import type { Project } from '../../compose/model/project.ts'
import { renderEndpoint } from '../../engine/endpoint-parse.ts'
import { checkBuilder, isClassicAsked } from './builder-choice.ts'
import { readBuildProgress } from './progress-flag.ts'
import type { Session } from './session.ts'

interface BuildHostOptions {
  /** Nobody wants to see what the builder writes. */
  readonly isQuiet?: boolean
  /** `--builder` */
  readonly builder?: string
}

/**
 * What builds take from the user: variables, logins, proxies. Nothing is read before something is built. Scripts that read our
 * output find the classic builder's lines in it, as with docker-compose; on a terminal they are progress like others'.
 */
export function makeBuildHost(
  ctx: Context,
  session: Session,
  project: Project,
  { isQuiet = false, builder = '' }: BuildHostOptions = {},
): BuildHost {
  const options = { env: ctx.env, clock: ctx.clock, signal: ctx.signal }
  const load = () => import('../../engine/registry-credentials.ts')
  let begun: Promise<void> | undefined
  return {
    begin: () => (begun ??= checkChoices(ctx, builder, isQuiet)),
    env: { ...ctx.env, ...project.environment },
    isClassic: isClassicAsked(ctx.env),
    credentials: async (host) => (await load()).readHostCredentials(host, options),
    registryConfig: async () => (await load()).readRegistryConfig(options),
    defaultArgs: async () => (await load()).readProxyVariables(renderEndpoint(session.engine.endpoint), ctx.env),
    ...(!isQuiet && !ctx.terminal.isTty && { classicOutput: (line: string) => void ctx.stdout.write(`${line}\n`) }),
  }
}

/** What is asked for of BuildKit and cannot be had ends it before anything is built. */
async function checkChoices(ctx: Context, builder: string, isQuiet: boolean): Promise<void> {
  await checkBuilder(ctx, builder)
  if (!isQuiet && !isClassicAsked(ctx.env)) readBuildProgress(ctx)
}

/** The ready `X-Registry-Auth` value for an image; loaded only where something is pulled or pushed. */
export async function readAuth(ctx: Context, reference: string): Promise<string | undefined> {
  const { readRegistryAuth } = await import('../../engine/registry-credentials.ts')
  return readRegistryAuth(reference, { env: ctx.env, clock: ctx.clock, signal: ctx.signal })
}
