import { toMessage } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Member } from './member.ts'
import type { ContainerView } from './model.ts'

/** A container whose create ended without a word is looked for this long. */
const strayMs = 10 * 60_000
const removeMs = 30_000

/** Containers that may come about after their create was answered with an error. */
export class Strays {
  /** By swarm ID: the promise that holds its place, and until when it is looked for. */
  readonly #expected = new Map<string, { readonly untilMs: number; readonly pendingId: string }>()

  expect(swarmId: string, pendingId: string, nowMs: number): void {
    this.#expected.set(swarmId, { untilMs: nowMs + strayMs, pendingId })
  }

  /**
   * Swarm IDs that `find` knows are given back, with their promises, and are expected no more; those whose time is over
   * neither.
   */
  takeFound<T>(
    find: (swarmId: string) => T | undefined,
    nowMs: number,
  ): readonly { readonly pendingId: string; readonly found: T }[] {
    const taken: { readonly pendingId: string; readonly found: T }[] = []
    for (const [swarmId, { untilMs, pendingId }] of this.#expected) {
      const found = find(swarmId)
      if (found !== undefined) taken.push({ pendingId, found })
      if (found !== undefined || untilMs <= nowMs) this.#expected.delete(swarmId)
    }
    return taken
  }
}

/** Nobody knows of the container, so it goes, unless somebody has started it meanwhile. */
export function removeStray(member: Member, container: ContainerView, log: Log): void {
  if (container.state !== 'created') return
  const { id } = container
  log.warn('removing a container whose create had been given up', { id, node: member.name })
  const request = { method: 'DELETE', path: `/containers/${id}`, query: { v: true } } as const
  member.engine.request(request, { deadlineMs: removeMs }).then(
    async (reply) => {
      await reply.bytes()
      member.send({ kind: 'forgotten', id })
    },
    (error: unknown) => log.warn('cannot remove it', { id, error: toMessage(error) }),
  )
}
