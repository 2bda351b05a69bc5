import type { Observed, ObservedContainer } from './observed.ts'

/**
 * True when a plan made of one observation is the plan of the other: nothing differs that a plan depends on. How long
 * something has been so, which the engine's words tell, makes no difference. Nodes of a fleet are not compared.
 */
export function isSameState(a: Observed, b: Observed): boolean {
  return JSON.stringify(toFacts(a)) === JSON.stringify(toFacts(b))
}

function toFacts({ containers, networks, volumes, images }: Observed): unknown {
  return {
    containers: containers.map(toContainerFacts),
    networks,
    volumes,
    images: Object.keys(images)
      .sort()
      .map((reference) => [reference, images[reference]?.id, images[reference]?.ids]),
  }
}

function toContainerFacts({ status, ...facts }: ObservedContainer): unknown {
  return {
    ...facts,
    status: status.replace(/(?:Less than a|About an?|\d+) (?:second|minute|hour|day|week|month|year)s?/, ''),
  }
}
