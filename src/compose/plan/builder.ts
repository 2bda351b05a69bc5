import type { Plan, Step, StepOp, StepWords } from './plan.ts'
import type { Rollout, Trial } from './rollout/rollout.ts'

/** The words of the reference program for each kind of step. */
const words: Readonly<Record<StepOp['kind'], StepWords>> = {
  'create-network': { working: 'Creating', done: 'Created' },
  'remove-network': { working: 'Removing', done: 'Removed' },
  'connect-network': { working: '', done: '' },
  'disconnect-network': { working: '', done: '' },
  'create-volume': { working: 'Creating', done: 'Created' },
  'remove-volume': { working: 'Removing', done: 'Removed' },
  'pull-image': { working: 'Pulling', done: 'Pulled' },
  'build-image': { working: 'Building', done: 'Built' },
  'push-image': { working: 'Pushing', done: 'Pushed' },
  'remove-image': { working: 'Removing', done: 'Removed' },
  'create-container': { working: 'Creating', done: 'Created' },
  'copy-files': { working: '', done: '' },
  'rename-container': { working: '', done: '' },
  'start-container': { working: 'Starting', done: 'Started' },
  'stop-container': { working: 'Stopping', done: 'Stopped' },
  'restart-container': { working: 'Restarting', done: 'Started' },
  'kill-container': { working: 'Killing', done: 'Killed' },
  'pause-container': { working: '', done: 'Paused' },
  'unpause-container': { working: '', done: 'Unpaused' },
  'remove-container': { working: 'Removing', done: 'Removed' },
  'run-hook': { working: '', done: '' },
  'run-init': { working: '', done: '' },
  'wait-container': { working: 'Waiting', done: 'Healthy' },
  'monitor-container': { working: 'Waiting', done: 'Healthy' },
  delay: { working: '', done: '' },
}

/** A step that is silent on the progress display. */
export const silent: StepWords = { working: '', done: '' }

/** What a planner says about a step; the builder numbers it and adds the usual words. */
export interface StepDraft {
  readonly op: StepOp
  readonly resource: string
  readonly cause: string
  readonly after?: readonly (number | undefined)[]
  readonly group?: string
  readonly bestEffort?: boolean
  readonly isErrorShown?: boolean
  readonly refusal?: string
  readonly isInUse?: boolean
  readonly trial?: Trial
  readonly owedFrom?: number | 'start' | undefined
  readonly words?: StepWords
}

/** Collects the steps of one plan in the order they are added. */
export interface PlanBuilder {
  /** @returns the id of the step, for the `after` of later ones */
  add(draft: StepDraft): number
  warn(text: string): void
  settle(resource: string): void
  /** It is not left alone after all. */
  unsettle(resource: string): void
  addRollout(rollout: Rollout): void
  build(): Plan
}

export function makePlanBuilder(): PlanBuilder {
  const steps: Step[] = []
  const settled = new Set<string>()
  const warnings: string[] = []
  const rollouts: Rollout[] = []
  return {
    add(draft) {
      const id = steps.length + 1
      const after = [...new Set(draft.after?.filter((step) => step !== undefined))].sort((a, b) => a - b)
      const { group, bestEffort, isErrorShown, refusal, isInUse, trial, owedFrom } = draft
      steps.push({
        id,
        op: draft.op,
        resource: draft.resource,
        cause: draft.cause,
        after,
        words: draft.words ?? words[draft.op.kind],
        ...(group !== undefined && { group }),
        ...(bestEffort !== undefined && { bestEffort }),
        ...(isErrorShown !== undefined && { isErrorShown }),
        ...(refusal !== undefined && { refusal }),
        ...(isInUse === true && { isInUse }),
        ...(trial !== undefined && { trial }),
        ...(owedFrom !== undefined && { owedFrom }),
      })
      return id
    },
    warn(text) {
      if (!warnings.includes(text)) warnings.push(text)
    },
    settle(resource) {
      settled.add(resource)
    },
    unsettle(resource) {
      settled.delete(resource)
    },
    addRollout(rollout) {
      rollouts.push(rollout)
    },
    build: () => ({ steps, settled: [...settled], warnings, ...(rollouts.length > 0 && { rollouts }) }),
  }
}
