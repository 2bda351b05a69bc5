import type { ObservedContainer } from '../plan/observed.ts'

/** The processes of one container, as its engine lists them. */
export interface ProcessList {
  readonly container: Pick<ObservedContainer, 'service' | 'number' | 'isOneOff' | 'name'>
  readonly titles: readonly string[]
  readonly processes: readonly (readonly string[])[]
}

/** A table of texts. */
export interface TextTable {
  readonly headings: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

const commandTitle = 'CMD'

/**
 * One table of the processes of several containers. Engines differ in their columns: each column found anywhere is
 * there, in the order it was met, the command last; what a container does not tell is `-`.
 */
export function mergeTop(lists: readonly ProcessList[]): TextTable {
  const titles = [...new Set(lists.flatMap((list) => list.titles))].filter((title) => title !== commandTitle)
  if (lists.some((list) => list.titles.includes(commandTitle))) titles.push(commandTitle)
  const rows = lists.flatMap(({ container, titles: own, processes }) =>
    processes.map((process) => [
      // What tells no service is called by its own name, as by the reference program; an empty cell would shift the others.
      container.service === '' ? container.name : container.service,
      container.isOneOff || container.number === 0 ? '-' : String(container.number),
      ...titles.map((title) => process[own.indexOf(title)] ?? '-'),
    ]),
  )
  return { headings: ['SERVICE', '#', ...titles], rows }
}
