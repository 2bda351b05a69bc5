import type { Context } from '../../cli/command.ts'
import type { Project } from '../../compose/model/project.ts'
import type { Service } from '../../compose/model/service.ts'
import type { Environments } from '../../compose/provider/recall.ts'
import { selectServices } from '../../compose/plan/selection.ts'
import type { Session } from './session.ts'

/** What is asked of programs and files beside the engine before a project can come up. */
export interface OutsideOptions {
  /** Named by the user; empty means all. */
  readonly services: readonly string[]
  readonly withoutDependencies: boolean
  /** Nothing is to be changed: providers and models are left alone; they count as saying what they said last. */
  readonly isPlan: boolean
}

const asBefore = 'is taken to be what they were told last'

/**
 * Asks what stands outside the Compose file: the user's credentials (`use_api_socket`), AI models and providers.
 *
 * @returns the project with what they said
 */
export async function resolveOutside(
  ctx: Context,
  session: Session,
  project: Project,
  options: OutsideOptions,
): Promise<Project> {
  const { services } = selectServices(project, options.services, options.withoutDependencies)
  const report = { env: ctx.env, clock: ctx.clock, progress: session.progress, signal: ctx.signal }
  let made = project
  if (services.some((service) => service.use_api_socket === true)) {
    const { withApiSocket } = await import('../../compose/api-socket.ts')
    const { readAllRegistryAuth } = await import('../../engine/registry-credentials.ts')
    made = withApiSocket(made, await readAllRegistryAuth(report))
  }
  const users = services.filter((service) => Object.keys(service.models ?? {}).length > 0)
  if (users.length > 0 && options.isPlan) {
    const names = users.map(({ name }) => name).join(', ')
    ctx.log.warn(`models are not asked for: what ${names} would be told of them ${asBefore}`)
    const [{ recallModels }, environments] = await Promise.all([
      import('../../compose/ai-model.ts'),
      recall(session, made, users, ctx.signal),
    ])
    made = recallModels(made, services, environments)
  } else if (users.length > 0) {
    const { prepareModels } = await import('../../compose/ai-model.ts')
    made = await prepareModels(
      made,
      services.map((service) => made.services[service.name] ?? service),
      report,
    )
  }
  const names = services.map(({ name }) => name)
  if (services.some((service) => service.provider !== undefined)) {
    made = await callProviders(ctx, session, made, names, options.isPlan)
  }
  return options.withoutDependencies ? recallSkipped(session, made, names, ctx.signal) : made
}

/**
 * The project in which the named services still have what providers told them that are not among them. Without it
 * `up --no-deps` would replace a container by one that does not know where its database is.
 */
async function recallSkipped(
  session: Session,
  project: Project,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Project> {
  let made = project
  for (const { name, provider } of Object.values(project.services)) {
    if (provider === undefined || names.includes(name)) continue
    const told = dependentsOf(made, name).filter((service) => names.includes(service.name))
    if (told.length === 0) continue
    const { recallVariables } = await import('../../compose/provider/recall.ts')
    made = recallVariables(made, name, await recall(session, made, told, signal))
  }
  return made
}

function dependentsOf(project: Project, provider: string): readonly Service[] {
  return Object.values(project.services).filter((service) => service.depends_on?.[provider] !== undefined)
}

async function recall(
  { engine }: Session,
  project: Project,
  services: readonly Service[],
  signal: AbortSignal,
): Promise<Environments> {
  const { readEnvironments } = await import('../../compose/provider/recall.ts')
  return readEnvironments(
    engine,
    project.name,
    services.map(({ name }) => name),
    { signal },
  )
}

async function callProviders(
  ctx: Context,
  session: Session,
  project: Project,
  names: readonly string[],
  isPlan: boolean,
): Promise<Project> {
  const { isProvided, runProvider } = await import('../../compose/provider/provider.ts')
  const { withVariables } = await import('../../compose/provider/variables.ts')
  const warn = (message: string): void => ctx.log.warn(message)
  let made = project
  for (const name of names) {
    const service = made.services[name]
    if (service === undefined || !isProvided(service)) continue
    if (isPlan) {
      const told = dependentsOf(made, name)
      const recalled = `: what it would tell ${told.map((other) => other.name).join(', ')} ${asBefore}`
      warn(`provider of service "${name}" is not called${told.length === 0 ? '' : recalled}`)
      if (told.length === 0) continue
      const { recallVariables } = await import('../../compose/provider/recall.ts')
      made = recallVariables(made, name, await recall(session, made, told, ctx.signal))
      continue
    }
    const variables = await runProvider(made, service, 'up', {
      env: ctx.env,
      clock: ctx.clock,
      progress: session.progress,
      debug: (message) => ctx.log.debug(message),
      signal: ctx.signal,
    })
    made = withVariables(made, name, variables, warn)
  }
  return made
}

/** Takes down, or stops, what providers run: dependents first. Services that are not chosen are left alone. */
export async function endProviders(
  ctx: Context,
  session: Session,
  project: Project | undefined,
  services: readonly string[],
  command: 'down' | 'stop',
): Promise<void> {
  if (project === undefined || session.isDryRun) return
  if (Object.values(project.services).every((service) => service.provider === undefined)) return
  const { isProvided, runProvider } = await import('../../compose/provider/provider.ts')
  for (const service of [...selectServices(project, services, true).services].reverse()) {
    if (!isProvided(service)) continue
    await runProvider(project, service, command, {
      env: ctx.env,
      clock: ctx.clock,
      progress: session.progress,
      debug: (message) => ctx.log.debug(message),
      signal: ctx.signal,
    })
  }
}
