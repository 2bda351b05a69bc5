import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { reportPlan } from '../../compose/report-plan.ts'
import { execute } from '../../compose/execute.ts'
import type { ConvergeOptions } from '../../compose/converge.ts'
import type { Project } from '../../compose/model/project.ts'
import { observeContainers } from '../../compose/observe.ts'
import { rosterOfLabels, rosterOfProject } from '../../compose/plan/dependency.ts'
import type { Roster } from '../../compose/plan/dependency.ts'
import type { ObservedContainer } from '../../compose/plan/observed.ts'
import type { Plan } from '../../compose/plan/plan.ts'
import { planVerb } from '../../compose/plan/verbs.ts'
import type { Verb } from '../../compose/plan/verbs.ts'
import { withSession } from './session.ts'
import type { Session, SessionOptions } from './session.ts'
import { requireTarget } from './target.ts'

/** What a command finds before it acts. */
export interface Found {
  readonly session: Session
  readonly roster: Roster
  readonly name: string
  readonly project?: Project
  /** Looks again. */
  readonly look: (signal: AbortSignal) => Promise<Roster>
}

/** Which services a command knows, and how it shows what it does. */
export interface RosterOptions extends Pick<SessionOptions, 'title'> {
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
  return withSession(
    ctx,
    async (session) => {
      const look = async (signal: AbortSignal): Promise<Roster> => {
        const containers = await observeContainers(session.engine, name, { signal })
        const observed = { containers, networks: [], volumes: [], images: {} }
        const own = project === undefined ? rosterOfLabels(observed) : rosterOfProject(project, observed)
        return o.hasOrphans === true ? joinRosters(rosterOfLabels(observed), own) : own
      }
      const roster = await look(ctx.signal)
      const mayMiss = project === undefined && o.isLenient === true
      const missing = services.find((service) => !roster.dependencies.has(service))
      if (missing !== undefined && !mayMiss) throw new FlotillaError('compose/not-found', `no such service: ${missing}`)
      return body({ session, roster, name, look, ...(project !== undefined && { project }) })
    },
    o,
  )
}

function joinRosters(under: Roster, over: Roster): Roster {
  return {
    dependencies: new Map([...under.dependencies, ...over.dependencies]),
    containers: new Map([...under.containers, ...over.containers]),
  }
}

/** Carries out one verb on the containers of the services. */
export function performVerb(
  ctx: Context,
  found: Found,
  verb: Verb,
  services: readonly string[],
  limits: Pick<ConvergeOptions, 'lock' | 'waitLimitMs'>,
): Promise<void> {
  return performPlan(ctx, found, limits, (roster) => planVerb(verb, roster, services))
}

/**
 * Carries out what is planned for the containers that are there. Where there is something to do and a lock is asked for,
 * it is planned for those that are there under the lock.
 */
export async function performPlan(
  ctx: Context,
  { session, name, roster, look }: Found,
  { lock, waitLimitMs }: Pick<ConvergeOptions, 'lock' | 'waitLimitMs'>,
  planFor: (roster: Roster) => Plan,
): Promise<void> {
  const plan = planFor(roster)
  if (session.isDryRun) return reportPlan(plan, session.progress)
  const { engine, progress, parallel } = session
  const carryOut = async (now: Plan, signal: AbortSignal): Promise<void> => {
    const limit = waitLimitMs === undefined ? {} : { waitLimitMs }
    await execute(now, engine, { clock: ctx.clock, progress, parallel, signal, ...limit })
  }
  if (lock === undefined || plan.steps.length === 0) return carryOut(plan, ctx.signal)
  const { withProjectLock } = await import('../../compose/lock/project-lock.ts')
  const how = { clock: ctx.clock, warn: (text: string) => ctx.log.warn(text), signal: ctx.signal, ...lock }
  return withProjectLock(engine, name, how, async (signal = ctx.signal) =>
    carryOut(planFor(await look(signal)), signal),
  )
}

/** The containers of the chosen services. */
export function containersOf(roster: Roster, services: readonly string[]): readonly ObservedContainer[] {
  const names = services.length > 0 ? services : [...roster.containers.keys()]
  return names.flatMap((name) => roster.containers.get(name) ?? [])
}
