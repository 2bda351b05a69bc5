import { toMessage } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Located } from './directory.ts'
import type { CallLimits } from './limits.ts'
import type { Member } from './member.ts'
import type { ContainerView } from './model.ts'

/** A container whose create ended without a word is looked for this long. */
const strayMs = 10 * 60_000

type StrayHolder = Pick<Member, 'engine' | 'name' | 'send'> & { readonly limits: Pick<CallLimits, 'callSeconds'> }

/** What a search for strays works with. */
export interface StraySearch {
  readonly log: Log
  /** The only container of this swarm ID. */
  find(swarmId: string): Located<ContainerView> | undefined
  member(addr: string): StrayHolder | undefined
}

/** Containers that may come about after their create was answered with an error: nobody knows of them, so they go. */
export class Strays {
  /** By swarm ID: until when it is looked for. */
  readonly #expected = new Map<string, number>()

  expect(swarmId: string, nowMs: number): void {
    this.#expected.set(swarmId, nowMs + strayMs)
  }

  /** Begins to remove those that have come about; one that cannot be removed is looked for again, for the rest of its time. */
  removeFound(search: StraySearch, nowMs: number): void {
    for (const [swarmId, untilMs] of this.#expected) {
      const found = search.find(swarmId)
      if (found === undefined) {
        if (untilMs <= nowMs) this.#expected.delete(swarmId)
        continue
      }
      const member = search.member(found.node.addr)
      if (member === undefined) continue
      this.#expected.delete(swarmId)
      removeStray(member, found.item, search.log, () => this.#expected.set(swarmId, untilMs))
    }
  }
}

/** Unless somebody has started it meanwhile. */
function removeStray(member: StrayHolder, container: ContainerView, log: Log, onFailure: () => void): void {
  if (container.state !== 'created') return
  const { id } = container
  log.warn('removing a container whose create had been given up', { id, node: member.name })
  const request = { method: 'DELETE', path: `/containers/${id}`, query: { v: true } } as const
  member.engine
    .request(request, { deadlineMs: member.limits.callSeconds * 1000 })
    .then(async (reply) => {
      await reply.bytes()
      member.send({ kind: 'forgotten', id })
    })
    .catch((error: unknown) => {
      log.warn('cannot remove it', { id, error: toMessage(error) })
      onFailure()
    })
}
