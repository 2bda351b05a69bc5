import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { prepare } from '../../compose/converge.ts'
import type { ConvergeOptions } from '../../compose/converge.ts'
import { explainPlan } from '../../compose/explain.ts'
import type { Project } from '../../compose/model/project.ts'
import type { PlanDocument } from '../../compose/plan/document/document.ts'
import { renderDocument } from '../../compose/plan/document/render.ts'
import type { Session } from './session.ts'

/** How a plan is shown. */
export interface PlanDisplay {
  readonly format: 'text' | 'json'
  /** 2 when there is something to do. */
  readonly hasExitCode: boolean
  readonly hasSteps?: boolean
}

/** @throws {cli/invalid-value} */
export function readPlanFormat(value: string): PlanDisplay['format'] {
  if (value === 'text' || value === 'json') return value
  throw new FlotillaError('cli/invalid-value', `invalid plan format "${value}": it is text or json`)
}

/** What the flags of `up`, `create` and `down` say about the display. */
export function readDisplay(flags: {
  readonly 'plan-format': string
  readonly 'detailed-exitcode': boolean
}): PlanDisplay {
  return { format: readPlanFormat(flags['plan-format']), hasExitCode: flags['detailed-exitcode'] }
}

const changesExitCode = 2

/** Plans, explains and prints; nothing is changed on the engine. */
export async function printPlan(
  ctx: Context,
  session: Session,
  project: Project,
  options: ConvergeOptions,
  display: PlanDisplay,
): Promise<number> {
  // A plan tells of changes: what is only looked at is none.
  const reconcile = { ...options.reconcile, awaitsAgain: false }
  const quiet = { ...options, reconcile, isDryRun: true, progress() {} }
  const { plan, pulls, observed } = await prepare(session.engine, project, quiet)
  const source = { project: project.name, plan, pulls, observed }
  return printDocument(ctx, await explainPlan(session.engine, source, { signal: ctx.signal }), display)
}

/** @returns the exit code */
export function printDocument(ctx: Context, document: PlanDocument, display: PlanDisplay): number {
  if (display.format === 'json') ctx.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`)
  else {
    for (const warning of document.warnings) ctx.log.warn(warning)
    ctx.stdout.write(renderDocument(document, { hasSteps: display.hasSteps === true }))
  }
  return display.hasExitCode && document.hasChanges ? changesExitCode : 0
}
