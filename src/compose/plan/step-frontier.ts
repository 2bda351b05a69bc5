import type { Step } from './plan.ts'

/**
 * Steps of a plan that may run, as others get done: the whole walk takes time linear in the steps and what they wait for.
 * What a step waits for and is not among them counts as done.
 */
export class StepFrontier {
  /** Those that may run from the beginning, in the order given. */
  readonly first: readonly Step[]
  /** Step → how many of its `after` are not done. */
  readonly #missing = new Map<number, number>()
  readonly #followers = new Map<number, Step[]>()

  constructor(steps: readonly Step[]) {
    const known = new Set(steps.map(({ id }) => id))
    const first: Step[] = []
    for (const step of steps) {
      const after = step.after.filter((id) => known.has(id))
      this.#missing.set(step.id, after.length)
      if (after.length === 0) first.push(step)
      for (const before of after) {
        const list = this.#followers.get(before)
        if (list === undefined) this.#followers.set(before, [step])
        else list.push(step)
      }
    }
    this.first = first
  }

  /** @returns the steps that waited for this one alone, in the order given */
  finish({ id }: Step): readonly Step[] {
    return (this.#followers.get(id) ?? []).filter((follower) => {
      const left = (this.#missing.get(follower.id) ?? 1) - 1
      this.#missing.set(follower.id, left)
      return left === 0
    })
  }
}

/** Puts a step where it belongs in a list that is sorted by number. */
export function insertStep(list: Step[], step: Step): void {
  let from = 0
  let to = list.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if ((list[middle]?.id ?? 0) < step.id) from = middle + 1
    else to = middle
  }
  list.splice(from, 0, step)
}
