import { renderHumanDuration } from '../../core/duration.ts'
import { assertNever } from '../../core/errors.ts'
import type { ContainerView, NodeView } from '../model.ts'

/** The status column, `Up 3 minutes (Paused)`, worded as engines do; `Host Down` when the engine does not answer. */
export function renderStatus(container: ContainerView, node: NodeView, nowMs: number): string {
  if (node.health.state !== 'healthy') return 'Host Down'
  // Times are not known yet: the engine's own words are.
  if (container.isPartial && container.startedAtMs === 0) {
    const told = container.row.status
    if (told !== '') return told
  }
  switch (container.state) {
    case 'running':
    case 'stopping':
      return `Up ${since(container.startedAtMs, nowMs)}${renderHealth(container)}`
    case 'paused':
      return `Up ${since(container.startedAtMs, nowMs)} (Paused)`
    case 'restarting':
      return `Restarting (${String(container.exitCode)}) ${since(container.finishedAtMs, nowMs)} ago`
    case 'removing':
      return 'Removal In Progress'
    case 'dead':
      return 'Dead'
    case 'created':
      return 'Created'
    case 'exited':
      return container.finishedAtMs === 0
        ? 'Created'
        : `Exited (${String(container.exitCode)}) ${since(container.finishedAtMs, nowMs)} ago`
    default:
      return assertNever(container.state)
  }
}

function since(timeMs: number, nowMs: number): string {
  return renderHumanDuration(Math.max(0, nowMs - timeMs))
}

function renderHealth(container: ContainerView): string {
  if (container.healthCheck === 'none') return ''
  return container.healthCheck === 'starting' ? ' (health: starting)' : ` (${container.healthCheck})`
}
