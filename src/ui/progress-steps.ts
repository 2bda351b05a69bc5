import type { ProgressEvent } from '../core/progress.ts'
import { renderJsonLine, renderPlainLine, withoutRepeats } from './progress-lines.ts'
import type { ProgressPainter } from './progress.ts'

/**
 * How the steps of builds are shown where that is chosen apart from everything else.
 *
 * - `plain`: each line of each step, above the picture
 * - `json`: one object a line
 * - `quiet`: not at all
 */
export type StepMode = 'plain' | 'json' | 'quiet'

/** What `BUILDKIT_PROGRESS` of buildx asks for; nothing: steps are shown as all else is. */
export function readStepMode(value: string | undefined): StepMode | undefined {
  if (value === 'rawjson') return 'json'
  return value === 'plain' || value === 'quiet' ? value : undefined
}

/** Takes the steps of builds out of what the painter shows, and shows them in a way of their own. */
export function withStepsApart(painter: ProgressPainter, mode: StepMode, prefix = ''): ProgressPainter {
  const render = mode === 'json' ? renderJsonLine : renderPlainLine
  const asLines: ProgressPainter = { ...painter, emit: (event) => painter.print(`${render(event, prefix)}\n`) }
  const steps = mode === 'plain' ? withoutRepeats(asLines) : asLines
  return {
    ...painter,
    emit(event) {
      if (!isBuildStep(event)) painter.emit(event)
      else if (mode !== 'quiet') steps.emit(event)
    },
  }
}

/** Layers that are pulled or pushed are parts, too. */
function isBuildStep(event: ProgressEvent): boolean {
  return event.parentId !== undefined && event.isTransfer !== true
}
