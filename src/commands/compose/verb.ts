import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { reportPlan } from '../../compose/report-plan.ts'
import { execute } from '../../compose/execute.ts'
import type { Project } from '../../compose/model/project.ts'
import { observeContainers } from '../../compose/observe.ts'
import { rosterOfLabels, rosterOfProject } from '../../compose/plan/dependency.ts'
import type { Roster } from '../../compose/plan/dependency.ts'
import type { ObservedContainer } from '../../compose/plan/observed.ts'
import { planVerb } from '../../compose/plan/verbs.ts'
import type { Verb } from '../../compose/plan/verbs.ts'
import { withSession } from './session.ts'
import type { Session } from './session.ts'
import { requireTarget } from './target.ts'

/** What a command finds before it acts. */
export interface Found {
  readonly session: Session
  readonly roster: Roster
  readonly name: string
  readonly project?: Project
}

/** Which services a command knows. */
export interface RosterOptions {
  /** Services the files no longer have too. */
  readonly hasOrphans?: boolean
  /** Where only labels are known, a service without containers is no mistake. */
  readonly isLenient?: boolean
}

/** Looks up the containers of the project and runs the body. Services named must exist. */
export async function withRoster<T>(
  ctx: Context,
  services: readonly string[],
  body: (found: Found) => Promise<T>,
  o: RosterOptions = {},
): Promise<T> {
  const { name, project } = await requireTarget(ctx, services)
  return withSession(ctx, async (session) => {
    const containers = await observeContainers(session.engine, name, { signal: ctx.signal })
    const observed = { containers, networks: [], volumes: [], images: {} }
    const own = project === undefined ? rosterOfLabels(observed) : rosterOfProject(project, observed)
    const roster = o.hasOrphans === true ? joinRosters(rosterOfLabels(observed), own) : own
    const mayMiss = project === undefined && o.isLenient === true
    const missing = services.find((service) => !roster.dependencies.has(service))
    if (missing !== undefined && !mayMiss) throw new FlotillaError('compose/not-found', `no such service: ${missing}`)
    return body({ session, roster, name, ...(project !== undefined && { project }) })
  })
}

function joinRosters(under: Roster, over: Roster): Roster {
  return {
    dependencies: new Map([...under.dependencies, ...over.dependencies]),
    containers: new Map([...under.containers, ...over.containers]),
  }
}

/** Carries out one verb on the containers of the services. */
export async function performVerb(ctx: Context, found: Found, verb: Verb, services: readonly string[]): Promise<void> {
  const plan = planVerb(verb, found.roster, services)
  const { session } = found
  if (session.isDryRun) return reportPlan(plan, session.progress)
  const { engine, progress, parallel } = session
  await execute(plan, engine, { clock: ctx.clock, progress, parallel, signal: ctx.signal })
  return undefined
}

/** The containers of the chosen services. */
export function containersOf(roster: Roster, services: readonly string[]): readonly ObservedContainer[] {
  const names = services.length > 0 ? services : [...roster.containers.keys()]
  return names.flatMap((name) => roster.containers.get(name) ?? [])
}
