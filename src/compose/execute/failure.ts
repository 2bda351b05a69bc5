import { FlotillaError, isFlotillaError, joinFailures, toMessage } from '../../core/errors.ts'
import type { NamedFailure } from '../../core/errors.ts'
import type { ProgressEvent } from '../../core/progress.ts'
import type { Step, StepOp } from '../plan/plan.ts'

/** A step that failed, and why. */
export interface StepFailure {
  readonly step: Step
  readonly error: unknown
}

const failing: Readonly<Partial<Record<StepOp['kind'], string>>> = {
  'kill-container': 'Error while Killing',
  'stop-container': 'Error while Stopping',
  'remove-container': 'Error while Removing',
}

/** How the progress names a step that failed, in the words of docker-compose 2.40 where it has some. */
export function describeFailure({ op }: Step, error: unknown): Pick<ProgressEvent, 'text' | 'detail'> {
  const text = failing[op.kind]
  if (text !== undefined) return { text }
  // The reason follows with the error of the whole.
  if (op.kind === 'create-network' || op.kind === 'wait-container') return { text: 'Error' }
  return op.kind === 'create-container'
    ? { text: toEngineText(error).replace(/[\r\n]+/g, ' ') }
    : { text: 'Error', detail: toMessage(error) }
}

/** How the progress names a failure that nothing depends on. */
export function describeWaived({ op }: Step, error: unknown): Pick<ProgressEvent, 'text' | 'detail'> {
  const message = toMessage(error)
  if (op.kind !== 'wait-container') return { text: 'Warning', detail: message }
  const optional = `Skipped: optional dependency ${JSON.stringify(op.service)}`
  const exit = /^service ".*" (didn't complete successfully: .*)$/s.exec(message)?.[1]
  if (exit !== undefined) return { text: `${optional} ${exit}` }
  return { text: `${optional} failed to start`, detail: `(${message.replace(/^dependency failed to start: /, '')})` }
}

/** One error of all steps that failed, with what was being done. */
export function toFailure(failures: readonly StepFailure[]): FlotillaError {
  const [first] = failures
  if (failures.length === 1 && first !== undefined) {
    const place = `this happened at ${first.step.resource}, step ${first.step.op.kind}`
    const more = isFlotillaError(first.error) && first.error.hint !== undefined ? `; ${first.error.hint}` : ''
    return new FlotillaError('compose/execute', toStepText(first), {
      cause: first.error,
      hint: `${place}${more}`,
    })
  }
  const named: NamedFailure[] = failures.map((failure) => ({
    name: failure.step.resource,
    error: new Error(toStepText(failure), { cause: failure.error }),
  }))
  const hints = failures.flatMap(({ step, error }) =>
    isFlotillaError(error) && error.hint !== undefined ? [`${step.resource}: ${error.hint}`] : [],
  )
  return joinFailures('compose/execute', named, hints.length === 0 ? {} : { hint: hints.join('\n') })
}

function toStepText({ step: { op }, error }: StepFailure): string {
  const text = toEngineText(error)
  return op.kind === 'create-network' ? `failed to create network ${op.body.Name}: ${text}` : text
}

/** Scripts look for the docker client's prefix on what an engine answered. */
function toEngineText(error: unknown): string {
  const message = toMessage(error)
  return isFlotillaError(error) && error.status !== undefined ? `Error response from daemon: ${message}` : message
}
