import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { prepare } from '../../compose/converge.ts'
import type { ConvergeOptions } from '../../compose/converge.ts'
import { explainPlan } from '../../compose/explain.ts'
import type { Project } from '../../compose/model/project.ts'
import type { PlanDocument } from '../../compose/plan/document/document.ts'
import type { Question } from '../../compose/plan/plan.ts'
import { renderDocument } from '../../compose/plan/document/render.ts'
import type { Session } from './session.ts'

/** How a plan is shown. */
export interface PlanDisplay {
  readonly format: 'text' | 'json'
  /** 2 when there is something to do. */
  readonly hasExitCode: boolean
  readonly hasSteps?: boolean
  /** `--yes`: what would be asked is answered so. */
  readonly isYes?: boolean
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
  readonly yes?: boolean
}): PlanDisplay {
  const format = readPlanFormat(flags['plan-format'])
  return { format, hasExitCode: flags['detailed-exitcode'], isYes: flags.yes === true }
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
  const isYes = display.isYes === true
  const unasked: string[] = []
  const ask = ({ text }: Question): Promise<boolean> => {
    if (!isYes) unasked.push(`${text} up would ask: this is the plan for no, --yes shows the one for yes`)
    return Promise.resolve(isYes)
  }
  const quiet = { ...options, reconcile, isDryRun: true, ask, progress() {} }
  const { plan, pulls, observed } = await prepare(session.engine, project, quiet)
  const warnings = [...plan.warnings, ...unasked]
  const source = { project: project.name, plan: { ...plan, warnings }, pulls, observed }
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
