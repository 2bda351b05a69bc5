import { toMessage } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Member } from './member.ts'
import type { ContainerView } from './model.ts'

/** A container whose create ended without a word is looked for this long. */
const strayMs = 10 * 60_000

/** A container that came about after its create had been answered with an error. */
export interface Stray<T> {
  readonly found: T
  /** It is still there: it is looked for again, for the rest of its time. */
  putBack(): void
}

/** Containers that may come about after their create was answered with an error. */
export class Strays {
  /** By swarm ID: until when it is looked for. */
  readonly #expected = new Map<string, number>()

  expect(swarmId: string, nowMs: number): void {
    this.#expected.set(swarmId, nowMs + strayMs)
  }

  /** What `find` knows is given back and expected no more; what is not known and has had its time neither. */
  takeFound<T>(find: (swarmId: string) => T | undefined, nowMs: number): readonly Stray<T>[] {
    const taken: Stray<T>[] = []
    for (const [swarmId, untilMs] of this.#expected) {
      const found = find(swarmId)
      if (found !== undefined) taken.push({ found, putBack: () => void this.#expected.set(swarmId, untilMs) })
      if (found !== undefined || untilMs <= nowMs) this.#expected.delete(swarmId)
    }
    return taken
  }
}

/** Nobody knows of the container, so it goes, unless somebody has started it meanwhile. */
export function removeStray(
  member: Member,
  container: ContainerView,
  o: { readonly log: Log; onFailure(): void },
): void {
  if (container.state !== 'created') return
  const { id } = container
  o.log.warn('removing a container whose create had been given up', { id, node: member.name })
  const request = { method: 'DELETE', path: `/containers/${id}`, query: { v: true } } as const
  member.engine
    .request(request, { deadlineMs: member.limits.callSeconds * 1000 })
    .then(async (reply) => {
      await reply.bytes()
      member.send({ kind: 'forgotten', id })
    })
    .catch((error: unknown) => {
      o.log.warn('cannot remove it', { id, error: toMessage(error) })
      o.onFailure()
    })
}
