import type { Progress } from '../core/progress.ts'
import type { Plan } from './plan/plan.ts'

/** Reports the steps of a plan as if they were carried out. */
export function reportPlan(plan: Plan, progress: Progress): void {
  for (const { resource, words } of plan.steps) {
    if (words.working !== '') progress({ id: resource, status: 'working', text: words.working })
    if (words.done !== '') progress({ id: resource, status: 'done', text: words.done })
  }
}
