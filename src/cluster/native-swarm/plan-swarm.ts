/** What an engine says of its part in a swarm of the engines' own. */
export interface EngineSwarm {
  readonly addr: string
  /** Host name, or the address. */
  readonly name: string
  readonly ip: string
  readonly state: 'inactive' | 'pending' | 'active' | 'error' | 'locked'
  readonly isManager: boolean
  readonly nodeId: string
  /** Only a manager of a swarm that has a leader tells it. */
  readonly clusterId: string
  readonly errorText: string
  /** Node IDs of the managers it knows. */
  readonly remoteIds: readonly string[]
  /** As a manager counts them, those that are down included; 0 from others. */
  readonly managers: number
}

export type SwarmStep =
  | { readonly kind: 'init'; readonly engine: EngineSwarm }
  | { readonly kind: 'join'; readonly engine: EngineSwarm; readonly as: 'manager' | 'worker' }
  /** The engine, a worker so far, becomes a manager. */
  | { readonly kind: 'promote'; readonly engine: EngineSwarm }

/** What the operator has to know; `key` says what about, so that it is told once. */
export interface SwarmNotice {
  readonly key: string
  readonly text: string
}

export interface SwarmPlan {
  readonly steps: readonly SwarmStep[]
  readonly notices: readonly SwarmNotice[]
  /** Managers that may be asked to do the steps. */
  readonly managers: readonly EngineSwarm[]
  /** All engines that are in the common swarm. */
  readonly members: readonly EngineSwarm[]
}

const noLeader =
  'Bring managers back until more than half of them answer. When they are lost for good, run ' +
  '"docker swarm init --force-new-cluster" on one that is left yourself: this manager never does that'

/**
 * What is to be done so that all engines are in one swarm: the first by name begins it, three are managers where there
 * are three, all others workers. An engine that is in another swarm stays there. While a swarm might exist whose managers
 * are silent, no second one is begun.
 *
 * @param isComplete whether every engine that is known of has been asked, or waited for long enough
 */
export function planSwarm(engines: readonly EngineSwarm[], isComplete: boolean): SwarmPlan {
  const sorted = [...engines].sort((a, b) => compare(a.name, b.name) || compare(a.addr, b.addr))
  const idle = sorted.filter((each) => each.state === 'inactive' && isReachable(each))
  const notices = sorted.filter((each) => each.state === 'inactive' && !isReachable(each)).map(tellLoopback)
  const taken = sorted.filter((each) => each.state !== 'inactive')
  const own = findOwn(taken)
  if (own === undefined) {
    if (taken.length > 0)
      return { steps: [], managers: [], members: [], notices: [...notices, ...taken.map(tellHeadless)] }
    const [first] = isComplete ? idle : []
    return { steps: first === undefined ? [] : [{ kind: 'init', engine: first }], managers: [], members: [], notices }
  }
  notices.push(...taken.filter((each) => !own.members.includes(each)).map(tellForeign))
  return { steps: planJoins(own, idle), managers: own.managers, members: own.members, notices }
}

interface Own {
  readonly managers: readonly EngineSwarm[]
  readonly members: readonly EngineSwarm[]
}

/** The swarm with most of the engines in it; of equal ones the one whose first manager comes first. */
function findOwn(taken: readonly EngineSwarm[]): Own | undefined {
  const byId = new Map<string, EngineSwarm[]>()
  for (const engine of taken) {
    if (!engine.isManager || engine.clusterId === '') continue
    byId.set(engine.clusterId, [...(byId.get(engine.clusterId) ?? []), engine])
  }
  let best: Own | undefined
  for (const managers of byId.values()) {
    const ids = new Set(managers.map((each) => each.nodeId))
    const members = taken.filter(
      (each) =>
        managers.includes(each) ||
        (each.state === 'active' && each.clusterId === '' && each.remoteIds.some((id) => ids.has(id))),
    )
    if (best === undefined || members.length > best.members.length) best = { managers, members }
  }
  return best
}

function planJoins(own: Own, idle: readonly EngineSwarm[]): readonly SwarmStep[] {
  const wanted = own.members.length + idle.length >= 3 ? 3 : 1
  let count = Math.max(own.managers.length, ...own.managers.map((each) => each.managers))
  const steps: SwarmStep[] = []
  for (const engine of idle) {
    const isManager = count < wanted
    if (isManager) count += 1
    steps.push({ kind: 'join', engine, as: isManager ? 'manager' : 'worker' })
  }
  for (const engine of own.members) {
    if (count >= wanted) break
    if (engine.isManager) continue
    steps.push({ kind: 'promote', engine })
    count += 1
  }
  return steps
}

/** Others cannot reach an engine that is known by an address of this machine only. */
function isReachable(engine: EngineSwarm): boolean {
  return !/^(?:127\.|::1$|$)/.test(engine.ip)
}

function tellLoopback({ addr, name, ip }: EngineSwarm): SwarmNotice {
  return {
    key: `${addr} loopback`,
    text: `engine ${name} is known by the address "${ip}", which others cannot reach: it does not join the swarm`,
  }
}

/** In a swarm none of whose managers we can ask. */
function tellHeadless(engine: EngineSwarm): SwarmNotice {
  const { addr, name, state, isManager, errorText } = engine
  if (state === 'locked') return tellLocked(engine)
  if (isManager || errorText !== '') {
    const why = errorText === '' ? 'its swarm has no leader' : errorText
    return { key: `${addr} headless`, text: `the swarm that engine ${name} manages does not work: ${why}. ${noLeader}` }
  }
  return {
    key: `${addr} headless`,
    text:
      `engine ${name} is a worker of a swarm none of whose managers answers here, so no other swarm is begun. ` +
      `Bring a manager of it back or add it to this cluster; or run "docker swarm leave" on ${name}`,
  }
}

function tellForeign(engine: EngineSwarm): SwarmNotice {
  const { addr, name, state, clusterId, errorText } = engine
  if (state === 'locked') return tellLocked(engine)
  if (state === 'error' || (engine.isManager && clusterId === '')) {
    const why = errorText === '' ? 'it does not say why' : errorText
    return { key: `${addr} error`, text: `engine ${name} is in a swarm that does not work: ${why}. ${noLeader}` }
  }
  if (state === 'pending') return { key: `${addr} pending`, text: `engine ${name} is still joining a swarm` }
  const which = clusterId === '' ? '' : ` (${clusterId})`
  return {
    key: `${addr} foreign`,
    text:
      `engine ${name} is in another swarm${which} and is left alone: networks that span nodes do not reach it. ` +
      `To take it into the common one, run "docker swarm leave" on it`,
  }
}

function tellLocked({ addr, name }: EngineSwarm): SwarmNotice {
  return { key: `${addr} locked`, text: `the swarm on engine ${name} is locked: run "docker swarm unlock" there` }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
