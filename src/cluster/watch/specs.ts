import { isSameAbilities, readAbilities } from '../abilities.ts'
import { readNodeGpus } from '../gpus.ts'
import type { NodeView } from '../model.ts'
import { isFields, readNumber, readText, readTexts, readTimeMs } from '../wire.ts'
import type { Fields } from '../wire.ts'
import type { Specs } from './messages.ts'

/** What /info and /version say of a node. */
export type NodeSpecs = Pick<
  NodeView,
  | 'engineId'
  | 'name'
  | 'ip'
  | 'cpus'
  | 'memoryBytes'
  | 'totalCpus'
  | 'totalMemoryBytes'
  | 'serverVersion'
  | 'apiVersion'
  | 'minApiVersion'
  | 'osType'
  | 'architecture'
  | 'gpus'
  | 'abilities'
  | 'swarmRole'
  | 'labels'
  | 'clockDeltaMs'
>

/** Specs, or why the engine cannot be used; `warnings` do not stop it. */
export type SpecsReading =
  | { readonly isUsable: true; readonly specs: NodeSpecs; readonly warnings: readonly string[] }
  | { readonly isUsable: false; readonly problem: string }

/** Clock differences below this count as none. */
const skewToleranceMs = 2000

/** Reads the specs of the engine at `addr`. Refusal texts are the ancestor's (classicswarm cluster/engine.go). */
export function readSpecs(addr: string, answer: Specs, overcommitPercent: number, nowMs: number): SpecsReading {
  const { info, version } = answer
  const cpus = readNumber(info, 'NCPU')
  const memoryBytes = readNumber(info, 'MemTotal')
  if (cpus <= 0 || memoryBytes <= 0) {
    const problem = `cannot get resources for this engine, make sure ${addr} is a Docker Engine, not a Swarm manager`
    return { isUsable: false, problem }
  }
  const engineId = readText(info, 'ID')
  const badLabel = readTexts(info, 'Labels').find((label) => !label.includes('='))
  if (badLabel !== undefined) {
    const who = `Engine (ID: ${engineId}, Addr: ${addr})`
    return {
      isUsable: false,
      problem: `${who} contains an invalid label (${badLabel}) not formatted as "key=value".`,
    }
  }
  const warnings: string[] = []
  const labels = readNodeLabels(info, engineId, addr, warnings)
  const clockDeltaMs = measureSkew(readTimeMs(info, 'SystemTime'), nowMs, answer.tookMs ?? 0)
  if (clockDeltaMs !== 0) warnings.push(describeSkew(addr, { engineId, clockDeltaMs }))
  const specs: NodeSpecs = {
    engineId,
    name: readText(info, 'Name'),
    ip: answer.ip,
    cpus,
    memoryBytes,
    totalCpus: overcommit(cpus, overcommitPercent),
    totalMemoryBytes: overcommit(memoryBytes, overcommitPercent),
    serverVersion: readText(info, 'ServerVersion') || readText(version, 'Version'),
    apiVersion: readText(version, 'ApiVersion'),
    minApiVersion: readText(version, 'MinAPIVersion'),
    osType: readText(info, 'OSType'),
    architecture: readText(info, 'Architecture'),
    gpus: readNodeGpus(info, labels),
    abilities: readAbilities(info),
    swarmRole: readSwarmRole(info),
    labels,
    clockDeltaMs,
  }
  return { isUsable: true, specs, warnings }
}

/** The engine looked at its clock at some moment of the time that its answer took. */
function measureSkew(engineMs: number, nowMs: number, tookMs: number): number {
  if (engineMs === 0) return 0
  const latestMs = nowMs - engineMs
  const skewMs = latestMs > 0 ? Math.max(0, latestMs - tookMs) : latestMs
  return Math.abs(skewMs) < skewToleranceMs ? 0 : skewMs
}

export function describeSkew(addr: string, specs: Pick<NodeSpecs, 'engineId' | 'clockDeltaMs'>): string {
  const { engineId, clockDeltaMs } = specs
  return `Engine (ID: ${engineId}, Addr: ${addr}) has unsynchronized clock: off by ${String(clockDeltaMs)}ms`
}

function readSwarmRole(info: Fields): NodeView['swarmRole'] {
  const swarm = info['Swarm']
  if (!isFields(swarm) || readText(swarm, 'LocalNodeState') !== 'active') return 'none'
  return swarm['ControlAvailable'] === true ? 'manager' : 'worker'
}

function overcommit(value: number, percent: number): number {
  return value + Math.trunc((value * percent) / 100)
}

/** The first to name a label wins: what the engine is before what its operator says of it. */
function readNodeLabels(info: Fields, engineId: string, addr: string, warnings: string[]): ReadonlyMap<string, string> {
  const labels = new Map<string, string>()
  labels.set('storagedriver', readText(info, 'Driver'))
  labels.set('kernelversion', readText(info, 'KernelVersion'))
  labels.set('operatingsystem', readText(info, 'OperatingSystem'))
  labels.set('ostype', readText(info, 'OSType'))
  for (const text of readTexts(info, 'Labels')) {
    const at = text.indexOf('=')
    const key = text.slice(0, at)
    const kept = labels.get(key)
    if (key !== 'node' && kept === undefined) {
      labels.set(key, text.slice(at + 1))
      continue
    }
    const who = `Engine (ID: ${engineId}, Addr: ${addr})`
    if (key === 'node') warnings.push(`${who} contains an invalid label (${text}): "node" is reserved`)
    else warnings.push(`${who} contains a duplicate label (${key}): kept ${kept ?? ''}`)
  }
  // Newer than the ancestor, so that a label of the operator with this name keeps its meaning.
  if (!labels.has('architecture')) labels.set('architecture', readText(info, 'Architecture'))
  return labels
}

/** The value of the overcommit option as the whole percent it counts for; the fraction is cut off. */
export function toOvercommitPercent(ratio: number): number {
  return Math.trunc(ratio * 100)
}

/** True when nothing differs that a reader of the node could see. */
export function isSameSpecs(node: NodeView, specs: NodeSpecs): boolean {
  for (const [key, value] of Object.entries(specs)) {
    if (key === 'labels' || key === 'gpus' || key === 'abilities') continue
    if (node[key as keyof NodeSpecs] !== value) return false
  }
  const isAsAble = isSameAbilities(node.abilities, specs.abilities)
  return isAsAble && isSameLabels(node.labels, specs.labels) && isSameTexts(node.gpus, specs.gpus)
}

function isSameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index])
}

export function isSameLabels(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (a.size !== b.size) return false
  for (const [key, value] of a) if (b.get(key) !== value) return false
  return true
}
