import { LABEL } from './plan/label.ts'
import type { ObservedContainer } from './plan/observed.ts'

/** One row of `ls`. */
export interface ProjectRow {
  readonly Name: string
  /** `exited(1), running(2)` */
  readonly Status: string
  readonly ConfigFiles: string
}

/**
 * Groups containers by project.
 *
 * @returns sorted by name; states of a row in alphabetical order
 */
export function listProjects(containers: readonly ObservedContainer[]): readonly ProjectRow[] {
  const groups = new Map<string, ObservedContainer[]>()
  for (const container of containers) {
    const name = container.labels[LABEL.project] ?? ''
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [container])
    else group.push(container)
  }
  return [...groups]
    .map(([name, group]) => ({ Name: name, Status: countStates(group), ConfigFiles: joinFiles(group) }))
    .sort((a, b) => (a.Name < b.Name ? -1 : 1))
}

function countStates(group: readonly ObservedContainer[]): string {
  const counts = new Map<string, number>()
  for (const { state } of group) counts.set(state, (counts.get(state) ?? 0) + 1)
  return [...counts]
    .sort((a, b) => (a[0] < b[0] ? -1 : 1))
    .map(([state, count]) => `${state}(${count})`)
    .join(', ')
}

/** `N/A`, as with the reference program, where no container tells: others than it write such labels, too. */
function joinFiles(group: readonly ObservedContainer[]): string {
  const files = group.flatMap((container) => (container.labels[LABEL.configFiles] ?? '').split(','))
  return [...new Set(files.filter((file) => file !== ''))].join(',') || 'N/A'
}
