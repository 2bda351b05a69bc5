import type { Progress, ProgressEvent } from '../core/progress.ts'
import { renderJsonLine, renderPlainLine, withoutRepeats } from './progress-lines.ts'
import type { ProgressPainter } from './progress.ts'

/** How the steps of builds are shown where they are not shown as all else is. */
export type StepsMode = 'plain' | 'json' | 'quiet'

/** Takes the steps of builds, for a painter that shows all else; without a mode they are its business, too. */
export function showSteps(painter: ProgressPainter, mode: StepsMode | undefined): Progress {
  const steps = chooseSteps(painter, mode)
  return (event) => steps?.emit(event)
}

function chooseSteps(painter: ProgressPainter, mode: StepsMode | undefined): ProgressPainter | undefined {
  const write = (render: (event: ProgressEvent, prefix: string) => string): ProgressPainter => ({
    ...painter,
    emit: (event) => painter.print(`${render(event, '')}\n`),
  })
  switch (mode) {
    case 'plain':
      return withoutRepeats(write(renderPlainLine))
    case 'json':
      return write(renderJsonLine)
    case 'quiet':
      return undefined
    default:
      return painter
  }
}
