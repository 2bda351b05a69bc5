import type { Plan, Step } from './plan.ts'
import { withTag } from './image-plan.ts'

/**
 * Puts builds after those of the images that their Dockerfiles name: without a word of it in the Compose file two services
 * of which one is `FROM` the other's image are built in that order, not from what an earlier build has left. Where
 * images name each other the order stays as it was.
 *
 * @param bases id of a step → the images its Dockerfile names
 */
export function orderByBases(plan: Plan, bases: ReadonlyMap<number, readonly string[]>): Plan {
  const makers = findMakers(plan)
  const before = new Map(plan.steps.map(({ id, after }) => [id, new Set(after)]))
  let isChanged = false
  for (const { id } of plan.steps) {
    for (const maker of (bases.get(id) ?? []).flatMap((image) => makers.get(toKey(image)) ?? [])) {
      if (maker === id || before.get(id)?.has(maker) === true || comesAfter(maker, id, before)) continue
      before.get(id)?.add(maker)
      isChanged = true
    }
  }
  return isChanged ? { ...plan, steps: sortSteps(plan.steps, before) } : plan
}

function findMakers({ steps }: Plan): ReadonlyMap<string, readonly number[]> {
  const makers = new Map<string, number[]>()
  for (const { id, op } of steps) {
    if (op.kind !== 'build-image') continue
    for (const key of new Set(op.build.tags.map(toKey))) makers.set(key, [...(makers.get(key) ?? []), id])
  }
  return makers
}

/** Names of Docker Hub are written in several ways. */
function toKey(image: string): string {
  return withTag(image.replace(/^(?:index\.)?docker\.io\//, '').replace(/^library\//, ''))
}

function comesAfter(step: number, other: number, before: ReadonlyMap<number, ReadonlySet<number>>): boolean {
  const seen = new Set([step])
  for (const each of seen) for (const id of before.get(each) ?? []) seen.add(id)
  return seen.has(other)
}

/** Steps with those before them first, numbered anew. */
function sortSteps(steps: readonly Step[], before: ReadonlyMap<number, ReadonlySet<number>>): readonly Step[] {
  const byId = new Map(steps.map((step) => [step.id, step]))
  const numbers = new Map<number, number>()
  const sorted: Step[] = []
  function visit(step: Step): void {
    if (numbers.has(step.id)) return
    const earlier = [...(before.get(step.id) ?? [])].sort((a, b) => a - b)
    for (const id of earlier) {
      const found = byId.get(id)
      if (found !== undefined) visit(found)
    }
    const id = sorted.length + 1
    numbers.set(step.id, id)
    sorted.push({ ...step, id, after: earlier.map((each) => numbers.get(each) ?? each).sort((a, b) => a - b) })
  }
  for (const step of steps) visit(step)
  return sorted
}
