import { FlotillaError, toMessage } from '../core/errors.ts'
import type { CompileRegex } from './expression.ts'
import type { NodeView } from './model.ts'
import { parsePlatform } from './platform.ts'
import { parseCreate } from './request.ts'
import type { SimulatedCreate } from './simulate.ts'
import { makeBlankNode } from './watch/blank-node.ts'
import { isFields, readFields, readLabels, readNumber, readText } from './wire.ts'
import type { Fields } from './wire.ts'

/** A cluster of equal nodes. */
export interface ClusterSketch {
  readonly nodes: number
  readonly cpus: number
  readonly memoryBytes: number
  readonly gpus: number
  /** Values are dealt out in turn: the first node gets the first of each. */
  readonly labels: ReadonlyMap<string, readonly string[]>
  readonly overcommitPercent: number
}

/** Healthy, empty nodes `node-1` and so on, as the sketch says. */
export function drawNodes(sketch: ClusterSketch): readonly NodeView[] {
  const width = String(sketch.nodes).length
  const gpus = Array.from({ length: sketch.gpus }, (_, index) => String(index))
  return Array.from({ length: sketch.nodes }, (_, index): NodeView => {
    const name = `node-${String(index + 1).padStart(width, '0')}`
    const addr = `${name}:2375`
    const labels = new Map([
      ['ostype', 'linux'],
      ['architecture', 'x86_64'],
    ])
    for (const [key, values] of sketch.labels) labels.set(key, values[index % values.length] ?? '')
    return {
      ...makeBlankNode(addr),
      id: `${name}|${addr}`,
      engineId: name,
      name,
      health: { state: 'healthy', failures: 0, indicator: 100 },
      cpus: sketch.cpus,
      memoryBytes: sketch.memoryBytes,
      totalCpus: sketch.cpus + Math.trunc((sketch.cpus * sketch.overcommitPercent) / 100),
      totalMemoryBytes: sketch.memoryBytes + Math.trunc((sketch.memoryBytes * sketch.overcommitPercent) / 100),
      osType: 'linux',
      architecture: 'x86_64',
      gpus,
      labels,
    }
  })
}

/** What happens next in a simulation. */
export type SimulationEvent =
  | { readonly kind: 'create'; readonly create: SimulatedCreate; readonly count: number }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'fail'; readonly node: string }

/** Most containers of one line. */
const maxCount = 10_000_000

/**
 * Reads one line of a list of events: `{"create": BODY, "name": "web", "count": 3}` with the body of a create call,
 * `{"remove": "web-2"}` or `{"fail": "node-1"}`.
 *
 * @throws {cluster/invalid-option} without the line's number
 */
export function parseEvent(line: Fields, compile: CompileRegex): SimulationEvent {
  const removed = readText(line, 'remove')
  if (removed !== '') return { kind: 'remove', name: removed }
  const failed = readText(line, 'fail')
  if (failed !== '') return { kind: 'fail', node: failed }
  const body = line['create']
  if (!isFields(body)) throw invalid('an event is {"create": {…}}, {"remove": "NAME"} or {"fail": "NODE"}')
  const count = Object.hasOwn(line, 'count') ? readNumber(line, 'count') : 1
  if (!Number.isInteger(count) || count < 1 || count > maxCount) {
    throw invalid(`count must be a whole number from 1 to ${String(maxCount)}`)
  }
  const create = sketchCreate(readText(line, 'name'), body, readText(line, 'platform'), compile)
  return { kind: 'create', count, create }
}

/** A create call as a simulation needs it. @throws {cluster/invalid-option} */
export function sketchCreate(name: string, body: Fields, platform: string, compile: CompileRegex): SimulatedCreate {
  const draft = parseCreate(name, body, compile, () => 'simulated')
  return {
    request: { ...draft.request, platform: parsePlatform(platform) },
    labels: readLabels({ Labels: readFields(draft.body, 'Labels') }, 'Labels'),
    isRescheduled: draft.reschedulePolicy === 'on-node-failure',
  }
}

/** The create as one of several: a name gets a number, from 1 on. */
export function numberCreate(create: SimulatedCreate, index: number, count: number): SimulatedCreate {
  if (count === 1 || create.request.name === '') return create
  return { ...create, request: { ...create.request, name: `${create.request.name}-${String(index + 1)}` } }
}

/** Parses JSON lines; empty ones are left out. @throws {cluster/invalid-option} naming the line */
export function parseLines<T>(text: string, what: string, parse: (line: Fields) => T): readonly T[] {
  const items: T[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    try {
      const value: unknown = JSON.parse(line)
      if (!isFields(value)) throw invalid('not a JSON object')
      items.push(parse(value))
    } catch (error) {
      throw new FlotillaError('cluster/invalid-option', `${what}, line ${String(index + 1)}: ${toMessage(error)}`, {
        cause: error,
      })
    }
  }
  return items
}

function invalid(message: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message)
}
