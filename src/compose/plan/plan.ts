import type { Hook, InitHook, Service } from '../model/service.ts'
import type { FileCopy } from '../translate/file.ts'
import type { ImageBuild } from '../build/definition.ts'
import type { ContainerDraft, EndpointSettings, NetworkCreateBody, VolumeCreateBody } from '../translate.ts'
import type { Rollout, Trial } from './rollout/rollout.ts'

/** A container that exists, or one that an earlier step of the same plan makes. */
export type ContainerRef =
  | {
      readonly kind: 'existing'
      readonly id: string
      readonly name: string
      /** Its node does not answer: what fails there ends only what follows on it. */
      readonly isOutOfReach?: true
    }
  | { readonly kind: 'made'; readonly step: number; readonly name: string }

/** What a wait step waits for. `running` means running, and healthy where a health check is declared. */
export type WaitCondition = 'healthy' | 'completed' | 'running'

/** One call of the Engine API, or one wait for a condition. */
export type StepOp =
  | { readonly kind: 'create-network'; readonly body: NetworkCreateBody }
  | { readonly kind: 'remove-network'; readonly id: string; readonly name: string }
  | {
      readonly kind: 'connect-network'
      readonly network: string
      readonly container: ContainerRef
      readonly endpoint: EndpointSettings
    }
  | { readonly kind: 'disconnect-network'; readonly network: string; readonly container: ContainerRef }
  | { readonly kind: 'create-volume'; readonly body: VolumeCreateBody }
  | { readonly kind: 'remove-volume'; readonly name: string }
  | { readonly kind: 'pull-image'; readonly reference: string; readonly platform?: string }
  | { readonly kind: 'build-image'; readonly build: ImageBuild }
  | { readonly kind: 'push-image'; readonly reference: string }
  | { readonly kind: 'remove-image'; readonly reference: string }
  | {
      readonly kind: 'create-container'
      readonly name: string
      readonly draft: ContainerDraft
      /** Services whose container IDs the body needs (`network_mode: service:x`) → that container. */
      readonly needs: Readonly<Record<string, ContainerRef>>
      /** Volumes the engine makes with it. */
      readonly volumes?: readonly { readonly body: VolumeCreateBody; readonly cause: string }[]
    }
  | {
      readonly kind: 'copy-files'
      readonly container: ContainerRef
      /** The contents are the executor's: a plan holds none. */
      readonly copies: readonly FileCopy[]
    }
  | { readonly kind: 'rename-container'; readonly container: ContainerRef; readonly name: string }
  | { readonly kind: 'start-container'; readonly container: ContainerRef }
  | { readonly kind: 'stop-container'; readonly container: ContainerRef; readonly timeoutSeconds?: number }
  | { readonly kind: 'restart-container'; readonly container: ContainerRef; readonly timeoutSeconds?: number }
  | { readonly kind: 'kill-container'; readonly container: ContainerRef; readonly signal: string }
  | { readonly kind: 'pause-container'; readonly container: ContainerRef }
  | { readonly kind: 'unpause-container'; readonly container: ContainerRef }
  | { readonly kind: 'remove-container'; readonly container: ContainerRef; readonly withVolumes: boolean }
  | {
      readonly kind: 'wait-container'
      readonly container: ContainerRef
      readonly service: string
      readonly condition: WaitCondition
      /** It was paused until now: what its last health check said may be of then. */
      readonly isUnpaused?: boolean
    }
  | {
      /** Waits until a container has proved good: healthy, or without a health check up for so long. */
      readonly kind: 'monitor-container'
      readonly container: ContainerRef
      readonly service: string
      readonly monitorMs: number
    }
  | { readonly kind: 'delay'; readonly ms: number }
  | {
      readonly kind: 'run-hook'
      readonly phase: 'post_start' | 'pre_stop'
      readonly container: ContainerRef
      readonly project: string
      readonly service: Service
      readonly hook: Hook
    }
  | {
      readonly kind: 'run-init'
      /** The container about to start: volumes and networks are its own. */
      readonly container: ContainerRef
      readonly project: string
      readonly service: Service
      /** Place in `pre_start` of the service. */
      readonly index: number
      readonly hook: InitHook
    }

/** The words a step is reported with. An empty word reports nothing. */
export interface StepWords {
  readonly working: string
  readonly done: string
}

/** One node of the graph. */
export interface Step {
  readonly id: number
  readonly op: StepOp
  /** What progress lines call it: `Container p-web-1`. */
  readonly resource: string
  /** Why the step is there, for people. */
  readonly cause: string
  /** Steps that must be done first; all of them stand earlier in the plan. */
  readonly after: readonly number[]
  /** Service the step belongs to. */
  readonly group?: string
  /** A failure is reported as a warning, and later steps go on. */
  readonly bestEffort?: boolean
  /** With `bestEffort`: the failure is reported as an error all the same. */
  readonly isErrorShown?: boolean
  /** When the engine refuses because the thing is in use, this is the warning, and later steps go on. */
  readonly refusal?: string
  /** Known beforehand: what stays uses the thing, so that the engine will refuse with `refusal`. */
  readonly isInUse?: boolean
  /** A failure counts as the failed exchange of this container, of which a rollout may tolerate some. */
  readonly trial?: Trial
  /**
   * Once this step has begun, it is done after a failure elsewhere, too, with all it needs: it brings back what does not run
   * any more because the plan has stopped it. `start`: in any case. See `findOwed`.
   */
  readonly owedFrom?: number | 'start'
  readonly words: StepWords
}

/** Steps in topological order: a step's `after` names only steps before it. */
export interface Plan {
  readonly steps: readonly Step[]
  /** Containers that already are as wanted and run, for the `Running` lines. */
  readonly settled: readonly string[]
  /** What the user should know, in the reference program's words. */
  readonly warnings: readonly string[]
  /** Services that are exchanged batch by batch, with what is needed to take it back. */
  readonly rollouts?: readonly Rollout[]
}

/** Something only the user can decide; planning again with the answer goes on. */
export interface Question {
  /** Key under which the answer is given: `volume:NAME`. */
  readonly id: string
  readonly text: string
}

/** What only the user can decide; plan again with the answers. */
export interface Questions {
  readonly questions: readonly Question[]
}

/** Whether the user has to decide something before there is a plan. */
export function isQuestions(outcome: Plan | Questions): outcome is Questions {
  return 'questions' in outcome
}

/** Name of the container an operation works on, if it works on one. */
export function containerOf(op: StepOp): string | undefined {
  if (op.kind === 'create-container') return op.name
  return 'container' in op ? op.container.name : undefined
}

/** True for a step on a container whose node does not answer. */
export function isStepOutOfReach({ op }: Step): boolean {
  return 'container' in op && op.container.kind === 'existing' && op.container.isOutOfReach === true
}

/** Plans that are carried out one after the other, as one: the steps of each wait for the last of the one before. */
export function joinPlans(plans: readonly Plan[]): Plan {
  const steps: Step[] = []
  for (const plan of plans) {
    const offset = steps.length
    const before = steps.filter((step) => !steps.some((other) => other.after.includes(step.id))).map((step) => step.id)
    for (const step of plan.steps) {
      const after = step.after.length === 0 ? before : step.after.map((id) => id + offset)
      const owedFrom = typeof step.owedFrom === 'number' ? { owedFrom: step.owedFrom + offset } : {}
      steps.push({ ...step, id: step.id + offset, after, ...owedFrom })
    }
  }
  return {
    steps,
    settled: plans.flatMap((plan) => plan.settled),
    warnings: plans.flatMap((plan) => plan.warnings),
  }
}

/** One line for each step: dependencies, id, resource, operation, cause. Equal plans give equal text. */
export function renderPlan(plan: Plan): string {
  return plan.steps.map(renderStep).join('\n')
}

export function renderStep(step: Step): string {
  const operation = [step.op.kind, renderDetail(step.op)].filter((part) => part !== '').join(' ')
  return `[${step.after.join(' ')}] → #${step.id} ${step.resource}: ${operation} (${step.cause})`
}

function renderDetail(op: StepOp): string {
  switch (op.kind) {
    case 'create-container':
      return `as ${op.name}`
    case 'build-image':
      return `as ${op.build.tags.join(', ')}`
    case 'pull-image':
    case 'push-image':
      return op.reference
    case 'rename-container':
      return `to ${op.name}`
    case 'connect-network':
      return `to ${op.network}`
    case 'disconnect-network':
      return `from ${op.network}`
    case 'wait-container':
      return `until ${op.condition}`
    case 'monitor-container':
      return `until healthy, or up for ${op.monitorMs}ms`
    case 'delay':
      return `${op.ms}ms`
    case 'kill-container':
      return op.signal
    case 'copy-files':
      return op.copies.map((copy) => `${copy.kind} ${copy.name}`).join(', ')
    case 'run-hook':
    case 'run-init':
      return (op.hook.command ?? []).join(' ')
    case 'stop-container':
    case 'restart-container':
      return op.timeoutSeconds === undefined ? '' : `within ${op.timeoutSeconds}s`
    default:
      return ''
  }
}
