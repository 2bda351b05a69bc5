import { changeContainer, copyNode } from '../copies.ts'
import { markLabels } from '../model.ts'
import type { NodeView } from '../model.ts'
import { isFields, readTimeMs } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { complain, fail, endReading, probed, succeed } from './answers.ts'
import {
  applyContainer,
  applyContainers,
  applyDetails,
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
import { failValidation, restart, startLoading } from './life-cycle.ts'
import type { ContainerAnswer, Detail, Failure, Fetch, FetchResult, Specs } from './messages.ts'
import { describeSkew, isSameLabels, isSameSpecs, readSpecs } from './specs.ts'
import type { NodeSpecs } from './specs.ts'
import type { Step } from './step.ts'

/** Clock corrections closer than this to the one in use are measuring noise. */
const skewNoiseMs = 2000

const listed: ReadonlySet<Fetch['what']> = new Set(['containers', 'images', 'networks', 'volumes'])

/** Takes the outcome of a fetch into the state. */
export function receive(step: Step, fetch: Fetch, result: FetchResult): void {
  const { flights, flight } = land(step.state.flights, fetch)
  if (flight === undefined) return
  step.set({ flights })
  if (result.isOk) takeData(step, fetch, result.data, flight)
  else takeFailure(step, fetch, result.failure, flight)
  // A new epoch has begun when the engine turned out to be unusable.
  const isOver = step.state.phase === 'idle'
  if (flight.next !== undefined && !isOver && (result.isOk || step.state.phase === 'loading')) {
    step.fetch(flight.next, flight.next.what === 'container')
  }
  if (fetch.what === 'details' && result.isOk) step.fetchDetails()
  if (result.isOk) succeed(step)
  if (result.isOk && listed.has(fetch.what)) endReading(step)
  if (fetch.what === 'ping' && result.isOk) probed(step)
}

function takeFailure(step: Step, fetch: Fetch, failure: Failure, { next }: Flight): void {
  const { phase } = step.state
  const isSingle = fetch.what === 'container' || fetch.what === 'details'
  if (phase === 'specs' || (phase === 'loading' && !isSingle)) {
    return failValidation(step, failure.text)
  }
  const isFirst = !step.state.needsRelist
  if (fetch.what !== 'ping') step.set({ needsRelist: true })
  // A partial container has its details read with the next list, whatever its row says.
  const isDetailLost = [fetch, next].some((each) => each?.what === 'container' && each.isInspected)
  if (fetch.what === 'container' && isDetailLost) markPartial(step, fetch.id, failure)
  if (fetch.what === 'details') {
    // With the next list everything that is still partial is asked for again.
    for (const id of [...fetch.ids, ...step.state.unread]) markPartial(step, id, failure)
    step.set({ unread: [] })
  }
  // Not believed to be fresh: the next refresh asks again.
  if (fetch.what === 'specs') step.set({ specsAtMs: 0 })
  if (phase === 'ready' && !failure.isConnection) {
    complain(step, fetch.what, failure.text, isFirst)
    // The engine answers, if badly: the next probe decides when to read again.
    if (fetch.what === 'ping') probed(step)
  }
  fail(step, failure)
}

/** An engine that answers but does not describe a container: nobody waits for that any longer. */
function markPartial(step: Step, id: string, failure: Failure): void {
  const container = findContainer(step.state.node, id)
  if (container === undefined) return
  const isUnread = container.isUnread === true && failure.isConnection
  if (container.isPartial && isUnread === container.isUnread) return
  step.set({ node: putContainer(step.state.node, changeContainer(container, { isPartial: true, isUnread })) })
}

function takeData(step: Step, fetch: Fetch, data: unknown, flight: Flight): void {
  switch (fetch.what) {
    case 'ping':
      return
    case 'specs':
      return takeSpecs(step, data as Specs)
    case 'container':
      return flight.isOverruled ? undefined : takeContainer(step, fetch.id, data as ContainerAnswer)
    case 'details':
      return takeDetails(step, fetch.ids, data as readonly Detail[], flight)
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
  step.wantDetails(inspect)
}

function takeDetails(step: Step, ids: readonly string[], answers: readonly Detail[], flight: Flight): void {
  if (flight.isOverruled) {
    step.wantDetails(ids)
    return
  }
  for (const { id, failure } of answers) {
    if (failure === undefined || isKnownUnread(step.state.node, id)) continue
    step.log('warn', `cannot read container ${id} of engine ${step.state.node.name}: ${failure.text}`)
  }
  step.set({ node: applyDetails(step.state.node, answers, flight.touched) })
}

/**
 * A container that could not be described before is partial, and asked for with each list: damaged ones stay so for months,
 * which is no reason to list anything oftener, and is told once.
 */
function isKnownUnread(node: NodeView, id: string): boolean {
  const container = findContainer(node, id)
  return container?.isPartial === true && container.isUnread !== true
}

function takeSpecs(step: Step, answer: Specs): void {
  const { addr, node, options, phase } = step.state
  const reading = readSpecs(addr, answer, options.overcommitPercent, step.context.nowMs)
  if (!reading.isUsable)
    return phase === 'ready' ? restart(step, reading.problem) : failValidation(step, reading.problem)
  const read = { ...reading.specs, labels: markLabels(reading.specs.labels, step.state.mark) }
  const specs = phase === 'ready' ? steadySpecs(node, read) : read
  if (phase === 'ready' && specs.engineId !== node.engineId) {
    return restart(
      step,
      `Engine (ID: ${node.engineId}, Addr: ${addr}) shows up with another ID:${specs.engineId}. Please remove it from cluster, it can be added back.`,
    )
  }
  if (phase === 'specs') for (const warning of reading.warnings) step.log('warn', warning)
  else if (specs.clockDeltaMs !== node.clockDeltaMs && specs.clockDeltaMs !== 0)
    step.log('warn', describeSkew(addr, specs))
  step.set({ specsAtMs: step.context.nowMs, engineLabels: reading.specs.labels })
  // Nothing is known yet of an engine that is read for the first time.
  if (phase === 'specs' || !isSameSpecs(node, specs)) {
    const containers = shiftTimes(node, specs.clockDeltaMs - node.clockDeltaMs)
    step.set({ node: Object.assign(copyNode(node), specs, { id: `${specs.engineId}|${addr}`, containers }) })
  }
  if (phase === 'specs') startLoading(step, readTimeMs(answer.info, 'SystemTime'))
}

/** Keeps what differs only by noise, so that nothing that depends on it is computed again. */
function steadySpecs(node: NodeView, specs: NodeSpecs): NodeSpecs {
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
