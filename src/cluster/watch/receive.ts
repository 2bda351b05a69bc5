import { markLabels } from '../model.ts'
import type { NodeView } from '../model.ts'
import { isFields, readText, readTimeMs } from '../wire.ts'
import type { Fields } from '../wire.ts'
import {
  applyContainer,
  applyContainers,
  applyImages,
  applyNetwork,
  applyNetworks,
  applyVolume,
  applyVolumes,
  findContainer,
  putContainer,
} from './collections.ts'
import { land, touch } from './flights.ts'
import type { Flight } from './flights.ts'
import type { ContainerAnswer, Failure, Fetch, FetchResult, Specs } from './messages.ts'
import { isSameLabels, isSameSpecs, readSpecs } from './specs.ts'
import type { NodeSpecs } from './specs.ts'
import type { Step } from './step.ts'

/** Clock corrections closer than this to the one in use are measuring noise. */
const skewNoiseMs = 2000

/** Takes the outcome of a fetch into the state. */
export function receive(step: Step, fetch: Fetch, result: FetchResult): void {
  const { flights, flight } = land(step.state.flights, fetch)
  if (flight === undefined) return
  step.set({ flights })
  if (result.isOk) takeData(step, fetch, result.data, flight)
  else takeFailure(step, fetch, result.failure, flight)
  // A new epoch has begun when the engine turned out to be unusable.
  const isOver = step.state.phase === 'idle'
  if (flight.next !== undefined && !isOver && (result.isOk || step.state.phase === 'loading')) step.fetch(flight.next)
  if (result.isOk) step.succeed()
  if (fetch.what === 'ping' && result.isOk) step.probed()
}

function takeFailure(step: Step, fetch: Fetch, failure: Failure, { next }: Flight): void {
  const { phase } = step.state
  if (phase === 'specs' || (phase === 'loading' && fetch.what !== 'container')) {
    return step.failValidation(failure.text)
  }
  if (fetch.what !== 'ping') step.set({ needsRelist: true })
  // A partial container has its details read with the next list, whatever its row says.
  const isDetailLost = [fetch, next].some((each) => each?.what === 'container' && each.isInspected)
  if (fetch.what === 'container' && isDetailLost) markPartial(step, fetch.id)
  if (phase === 'ready' && !failure.isConnection) {
    step.log('warn', `cannot read ${fetch.what} of engine ${step.state.node.name}: ${failure.text}`)
    // The engine answers, if badly: the next probe decides when to read again.
    if (fetch.what === 'ping') step.probed()
  }
  step.fail(failure)
}

function markPartial(step: Step, id: string): void {
  const container = findContainer(step.state.node, id)
  if (container !== undefined) step.set({ node: putContainer(step.state.node, { ...container, isPartial: true }) })
}

function takeData(step: Step, fetch: Fetch, data: unknown, flight: Flight): void {
  switch (fetch.what) {
    case 'ping':
      return
    case 'specs':
      return takeSpecs(step, data as Specs)
    case 'container':
      return flight.isOverruled ? undefined : takeContainer(step, fetch.id, data as ContainerAnswer)
    case 'containers':
      return takeContainers(step, toRows(data), flight.touched)
    case 'images':
      return setNode(step, applyImages(step.state.node, toRows(data)))
    case 'networks':
      return setNode(step, applyNetworks(step.state.node, toRows(data), flight.touched))
    case 'volumes':
      return setNode(step, applyVolumes(step.state.node, toRows(data), flight.touched))
    case 'network':
      step.set({ flights: touch(step.state.flights, 'networks', fetch.id) })
      return setNode(step, applyNetwork(step.state.node, fetch.id, isFields(data) ? data : undefined))
    case 'volume':
      step.set({ flights: touch(step.state.flights, 'volumes', fetch.name) })
      return setNode(step, applyVolume(step.state.node, fetch.name, isFields(data) ? data : undefined))
  }
}

function toRows(data: unknown): readonly Fields[] {
  return Array.isArray(data) ? data.filter(isFields) : []
}

function setNode(step: Step, node: NodeView): void {
  step.set({ node })
}

function takeContainer(step: Step, id: string, answer: ContainerAnswer): void {
  const { node, needsInspect } = applyContainer(step.state.node, id, answer)
  step.set({ node, flights: touch(step.state.flights, 'containers', id) })
  if (needsInspect) step.fetch({ what: 'container', id, isInspected: true })
}

function takeContainers(step: Step, rows: readonly Fields[], touched: ReadonlySet<string>): void {
  const { node, inspect } = applyContainers(step.state.node, rows, touched)
  step.set({ node })
  step.setNode({ updatedAtMs: step.context.nowMs })
  // A first reading starts over when anything breaks: the rows just read stand, and need not be read once more.
  const fresh = step.state.phase === 'loading' ? new Map(rows.map((row) => [readText(row, 'Id'), row])) : undefined
  for (const id of inspect) {
    const row = fresh?.get(id)
    step.fetch({ what: 'container', id, isInspected: true, ...(row === undefined ? {} : { row }) })
  }
}

function takeSpecs(step: Step, answer: Specs): void {
  const { addr, node, options, phase } = step.state
  const reading = readSpecs(addr, answer, options.overcommitPercent, step.context.nowMs)
  if (!reading.isUsable) return phase === 'ready' ? step.restart(reading.problem) : step.failValidation(reading.problem)
  const labels = markLabels(reading.specs.labels, step.state.mark)
  const specs = steadySpecs(node, { ...reading.specs, labels }, phase === 'ready')
  if (phase === 'ready' && specs.engineId !== node.engineId) {
    return step.restart(
      `Engine (ID: ${node.engineId}, Addr: ${addr}) shows up with another ID:${specs.engineId}. Please remove it from cluster, it can be added back.`,
    )
  }
  if (phase === 'specs') for (const warning of reading.warnings) step.log('warn', warning)
  step.set({ specsAtMs: step.context.nowMs, engineLabels: reading.specs.labels })
  if (!isSameSpecs(node, specs)) {
    const containers = shiftTimes(node, specs.clockDeltaMs - node.clockDeltaMs)
    step.setNode({ ...specs, id: `${specs.engineId}|${addr}`, containers })
  }
  if (phase === 'specs') step.startLoading(readTimeMs(answer.info, 'SystemTime'))
}

/** Keeps what differs only by noise, so that nothing that depends on it is computed again. */
function steadySpecs(node: NodeView, specs: NodeSpecs, isKnown: boolean): NodeSpecs {
  if (!isKnown) return specs
  const isNoise = Math.abs(specs.clockDeltaMs - node.clockDeltaMs) < skewNoiseMs
  return {
    ...specs,
    clockDeltaMs: isNoise ? node.clockDeltaMs : specs.clockDeltaMs,
    labels: isSameLabels(node.labels, specs.labels) ? node.labels : specs.labels,
  }
}

function shiftTimes(node: NodeView, byMs: number): NodeView['containers'] {
  if (byMs === 0 || node.containers.length === 0) return node.containers
  const shift = (timeMs: number): number => (timeMs === 0 ? 0 : timeMs + byMs)
  return node.containers.map((each) => ({
    ...each,
    createdAtMs: shift(each.createdAtMs),
    startedAtMs: shift(each.startedAtMs),
    finishedAtMs: shift(each.finishedAtMs),
  }))
}
