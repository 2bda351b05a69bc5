import { FlotillaError } from '../../core/errors.ts'
import type { Role } from '../leader/role.ts'

/** One call that claims a name in the whole cluster. */
export interface FencedCall {
  /** True when this manager no longer leads as it did when the call began. */
  readonly isBroken: boolean
  /** To be asked before an engine is. @throws {LeadershipMoved} when leadership is over */
  check(): void
}

/**
 * Keeps names unique across changes of leadership: a claim counts when the engine has said yes while this manager
 * still led. The next leader reads all engines after that moment, so it knows every name that was acknowledged; what
 * an engine did for a leader that had already lost is undone by whoever asked for it (reliability.md I2, I3).
 *
 * A manager alone in its cluster passes everything.
 */
export class LeadFence {
  readonly #role: Role
  readonly #idle = new Set<() => void>()
  #underWay = 0

  constructor(role: Role) {
    this.#role = role
  }

  /** Runs a call that claims a name. @throws {cluster/unhealthy} status 503 when this manager does not lead */
  async run<T>(body: (call: FencedCall) => Promise<T>): Promise<T> {
    const role = this.#role
    const { term } = role
    const call: FencedCall = {
      get isBroken() {
        return role.kind === 'replica' || role.term !== term
      },
      check() {
        if (call.isBroken) throw leadershipOver()
      },
    }
    call.check()
    this.#underWay += 1
    try {
      return await body(call)
    } finally {
      this.#underWay -= 1
      if (this.#underWay === 0) for (const tell of this.#idle) tell()
    }
  }

  /** Resolves when no such call is under way. */
  async idle(signal: AbortSignal): Promise<void> {
    if (this.#underWay === 0 || signal.aborted) return
    await new Promise<void>((resolve) => {
      this.#idle.add(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    this.#idle.clear()
  }
}

/** Leadership has gone, or the manager ends: nothing has been done for the request, or what was has been undone. */
export class LeadershipMoved extends FlotillaError {
  constructor(message: string) {
    super('cluster/unhealthy', message, { status: 503 })
  }
}

export function leadershipOver(): LeadershipMoved {
  return new LeadershipMoved('this manager is no longer the primary; the request was not carried out, send it again')
}
