import { isTakenOn } from './choose-ports.ts'
import { isEveryInterface } from '../filters/port.ts'
import type { ContainerView, NodeView, PortClaim, PublishedPort } from '../model.ts'
import { primaryName } from '../model.ts'

/** A container that answers behind a forwarded port. */
export interface Target {
  readonly node: string
  readonly container: string
  readonly containerId: string
  /** The address that its engine publishes the port at. */
  readonly host: string
  /** Its node or itself is not well: taken only where nothing else is. */
  readonly isDoubtful: boolean
}

export type ForwardProtocol = 'tcp' | 'udp'

/** A port of the manager and the containers behind it: one that several nodes publish has several. */
export interface PortForward {
  readonly protocol: ForwardProtocol
  readonly port: number
  /** At least one, in the order of the nodes. */
  readonly targets: readonly Target[]
}

/** A published port that the manager cannot pass on, and why. */
export interface Unforwarded {
  readonly protocol: string
  readonly port: number
  readonly node: string
  readonly container: string
  readonly why: string
}

export interface ForwardPlan {
  /** By `keyOf`. */
  readonly forwards: ReadonlyMap<string, PortForward>
  readonly unforwarded: readonly Unforwarded[]
}

interface Candidate {
  readonly protocol: string
  readonly port: number
  readonly target: Target
  /** The engine chose the number, so that another node's container of the same number is another service. */
  readonly isChosen: boolean
  readonly createdAtMs: number
  readonly problem: string
}

export function keyOf(protocol: string, port: number): string {
  return `${protocol}/${port}`
}

/**
 * What a manager has to forward: every port that a running container publishes for more than its own node.
 *
 * A number that was asked for on several nodes is one service on several nodes. A number that an engine chose belongs
 * to one container, the oldest, and only where nobody asked for it. Numbers of a node that is the manager's own machine are
 * that node's: it could not publish what the manager listens on.
 *
 * @param here addresses of the manager's machine
 */
export function findForwards(nodes: readonly NodeView[], here: ReadonlySet<string> = new Set()): ForwardPlan {
  const local = nodes.filter((node) => here.has(node.ip))
  const byKey = new Map<string, Candidate[]>()
  const unforwarded: Unforwarded[] = []
  const leave = ({ protocol, port, target }: Candidate, why: string): void => {
    unforwarded.push({ protocol, port, node: target.node, container: target.container, why })
  }
  for (const node of nodes) {
    for (const candidate of candidatesOf(node)) {
      const owner =
        candidate.problem === '' ? local.find((each) => isTakenOn(each, candidate.protocol, candidate.port)) : undefined
      const problem =
        owner === undefined ? candidate.problem : `node ${owner.name} is on this machine and has the number`
      if (problem !== '') {
        leave(candidate, problem)
        continue
      }
      const key = keyOf(candidate.protocol, candidate.port)
      const others = byKey.get(key)
      if (others === undefined) byKey.set(key, [candidate])
      else others.push(candidate)
    }
  }
  const forwards = new Map<string, PortForward>()
  for (const [key, candidates] of byKey) {
    const { taken, left } = settleNumber(candidates)
    const [first] = taken
    if (first === undefined) continue
    forwards.set(key, {
      protocol: first.protocol as ForwardProtocol,
      port: first.port,
      targets: taken.map((each) => each.target),
    })
    for (const each of left) leave(each, `the number belongs to ${first.target.container} on node ${first.target.node}`)
  }
  return { forwards, unforwarded }
}

function settleNumber(candidates: readonly Candidate[]): {
  readonly taken: readonly Candidate[]
  readonly left: readonly Candidate[]
} {
  const asked = candidates.filter((each) => !each.isChosen)
  if (asked.length > 0) return { taken: asked, left: candidates.filter((each) => each.isChosen) }
  const [first, ...left] = [...candidates].sort(
    (a, b) => a.createdAtMs - b.createdAtMs || (a.target.containerId < b.target.containerId ? -1 : 1),
  )
  return { taken: first === undefined ? [] : [first], left }
}

/** What one node has for others, by itself: what it asks of the manager beside other nodes `findForwards` settles. */
export function findForwardsOf(node: NodeView): readonly (PortForward & { readonly isChosen: boolean })[] {
  return candidatesOf(node)
    .filter((each) => each.problem === '')
    .map(({ protocol, port, target, isChosen }) => ({
      protocol: protocol as ForwardProtocol,
      port,
      targets: [target],
      isChosen,
    }))
}

/** By the list of containers, which is another one as soon as any of them changes. */
const known = new WeakMap<readonly ContainerView[], { readonly node: NodeView; readonly list: readonly Candidate[] }>()

function candidatesOf(node: NodeView): readonly Candidate[] {
  const before = known.get(node.containers)
  if (before !== undefined && isSameNode(before.node, node)) return before.list
  const list = node.containers.filter(isUp).flatMap((container) => listPorts(node, container))
  known.set(node.containers, { node, list })
  return list
}

function isSameNode(a: NodeView, b: NodeView): boolean {
  return a === b || (a.name === b.name && a.ip === b.ip && a.health.state === b.health.state)
}

function isUp({ state }: ContainerView): boolean {
  return state === 'running' || state === 'paused' || state === 'restarting'
}

/** A port that is published on both families is one. */
function listPorts(node: NodeView, container: ContainerView): readonly Candidate[] {
  const found = new Map<string, Candidate>()
  for (const each of container.published) {
    if (each.publicPort === undefined) continue
    const candidate = describe(node, container, each, each.publicPort)
    const key = keyOf(candidate.protocol, candidate.port)
    const other = found.get(key)
    if (other === undefined || (other.problem !== '' && candidate.problem === '')) found.set(key, candidate)
  }
  return [...found.values()]
}

function describe(node: NodeView, container: ContainerView, published: PublishedPort, port: number): Candidate {
  const { ip, protocol } = published
  const host = isEveryInterface(ip) ? node.ip : ip
  return {
    protocol,
    port,
    createdAtMs: container.createdAtMs,
    isChosen: container.ports.some((claim) => claim.isChosen === true && isClaimOf(claim, protocol, port)),
    problem: findProblem(protocol, ip),
    target: {
      node: node.name,
      container: primaryName(container) || container.id.slice(0, 12),
      containerId: container.id,
      host,
      isDoubtful: node.health.state !== 'healthy' || container.healthCheck === 'unhealthy',
    },
  }
}

function isClaimOf(claim: PortClaim, protocol: string, port: number): boolean {
  return claim.from === port && claim.to === port && claim.protocol === protocol
}

function findProblem(protocol: string, ip: string): string {
  if (protocol !== 'tcp' && protocol !== 'udp') return `${protocol} is not forwarded`
  return ip.startsWith('127.') || ip === '::1' ? `it is published at ${ip} of its node only` : ''
}

/** The targets in the order in which a connection tries them; `turn` says whose turn it is. */
export function orderTargets(targets: readonly Target[], turn: number): readonly Target[] {
  const well = targets.filter((each) => !each.isDoubtful)
  const rest = targets.filter((each) => each.isDoubtful)
  return [...rotate(well, turn), ...rotate(rest, turn)]
}

function rotate<T>(list: readonly T[], turn: number): readonly T[] {
  if (list.length < 2) return list
  const from = turn % list.length
  return [...list.slice(from), ...list.slice(0, from)]
}
