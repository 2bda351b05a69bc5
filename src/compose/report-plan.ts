import type { Progress } from '../core/progress.ts'
import { markTransfer, reportBrought } from './execute.ts'
import type { Plan } from './plan/plan.ts'

/** Reports the steps of a plan as if they were carried out. */
export function reportPlan(plan: Plan, progress: Progress): void {
  for (const step of plan.steps) {
    const { resource, words, isInUse, refusal = '' } = step
    if (words.working !== '') progress({ id: resource, status: 'working', text: words.working, ...markTransfer(step) })
    if (isInUse === true) progress({ id: resource, status: 'warning', text: refusal })
    else if (words.done !== '') progress({ id: resource, status: 'done', text: words.done, ...markTransfer(step) })
    reportBrought(step, progress)
  }
}
