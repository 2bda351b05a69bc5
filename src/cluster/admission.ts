import { isValidated } from './model.ts'
import type { ContainerView, NodeView } from './model.ts'

/** Whether a freshly read engine may come into service. */
export interface Admission {
  /** Why not; absent: it may. */
  readonly refusal: string | undefined
  /** It is in service already, under another address: not counted again. */
  readonly isAlias: boolean
  /** The address it is in service under, where it does not answer any more: this one takes its place. */
  readonly replaces?: string
}

/**
 * Judges an engine against those in service with the same engine ID. One of them is either the same engine under
 * another address, or a copy of its machine that kept the ID. The same engine takes over from an address that does not
 * answer any more; a copy never does.
 */
export function judgeAdmission(node: NodeView, holders: readonly NodeView[]): Admission {
  const holder = holders.find((each) => each.addr !== node.addr)
  if (holder === undefined || node.engineId === '') return { refusal: undefined, isAlias: false }
  if (isSameEngine(node, holder)) {
    if (holder.health.state === 'unhealthy') return { refusal: undefined, isAlias: false, replaces: holder.addr }
    return { refusal: describeSecond(node, holder), isAlias: true }
  }
  // Whoever restarts has another bridge too: of one that does not answer it cannot be told from its copy.
  if (node.name === holder.name && holder.health.state === 'unhealthy')
    return { refusal: describeLookalike(node, holder), isAlias: false }
  const shared = `ID duplicated. ID shared by this node ${node.addr} and another node ${holder.addr}.`
  return { refusal: `${shared} Remove ${keyFile} of one of them and restart it.`, isAlias: false }
}

const keyFile = 'the key file (/etc/docker/key.json or DATA-ROOT/engine-id)'

/** An engine that has been restarted and is reached at its second address only, or a copy of its machine. */
function describeLookalike(node: NodeView, holder: NodeView): string {
  const what = `Engine at ${node.addr} has ID and name of the engine at ${holder.addr} (${holder.name}), which does not answer`
  const either = 'it is that engine after a restart, or a copy of its machine'
  const same = `If it is the same engine, remove ${holder.addr} from discovery, or mend the way to it`
  return `${what}: ${either}. ${same}; if it is a copy, remove ${keyFile} there and restart it.`
}

/** Why an address is not counted: the engine is in service under another. */
export function describeSecond(node: NodeView, holder: NodeView): string {
  return `Engine at ${node.addr} is the engine at ${holder.addr} (${holder.name}) under another address and is counted once. Remove one of the two addresses from discovery.`
}

/**
 * An engine makes the ID of its default bridge anew at each start, so that a copied machine has another one.
 * Where there is no such network, start times of containers tell them apart.
 */
function isSameEngine(a: NodeView, b: NodeView): boolean {
  if (a.name !== b.name) return false
  const bridges = [findBridge(a), findBridge(b)]
  if (bridges[0] !== undefined || bridges[1] !== undefined) return bridges[0] === bridges[1]
  const others = new Map(b.containers.map((each) => [each.id, each]))
  return (
    a.containers.length === b.containers.length && a.containers.every((each) => isSameRun(each, others.get(each.id)))
  )
}

/** Of a container that has just been listed it is not known yet when it was started. */
function isSameRun(a: ContainerView, b: ContainerView | undefined): boolean {
  if (b === undefined) return false
  return a.isPartial || b.isPartial ? a.state === b.state : a.startedAtMs === b.startedAtMs
}

function findBridge(node: NodeView): string | undefined {
  return node.networks.find((network) => network.name === 'bridge')?.id
}

/** It was in service, or answered, and no longer does. */
export function isLost(before: NodeView, now: NodeView): boolean {
  if (isValidated(before) && !isValidated(now)) return true
  return before.health.state === 'healthy' && now.health.state === 'unhealthy'
}
