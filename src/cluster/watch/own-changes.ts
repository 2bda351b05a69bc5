import { changeContainer } from '../copies.ts'
import { markLabels } from '../model.ts'
import type { ContainerView, NodeMark } from '../model.ts'
import { dropContainer, findContainer, putContainer } from './collections.ts'
import { overrule, touch } from './flights.ts'
import type { Fetch } from './messages.ts'
import type { Step } from './step.ts'

/** A container that we made: known before the engine tells of it. */
export function adopt(step: Step, container: ContainerView): void {
  step.set({ flights: touch(step.state.flights, 'containers', container.id) })
  if (findContainer(step.state.node, container.id) === undefined) {
    step.set({ node: putContainer(step.state.node, container) })
  }
}

/** What a call of ours changed about a container. */
export function assume(step: Step, id: string, change: Partial<ContainerView>): void {
  const container = findContainer(step.state.node, id)
  if (container === undefined) return
  const fetch: Fetch = { what: 'container', id, isInspected: true }
  step.set({
    flights: touch(overrule(step.state.flights, fetch), 'containers', id),
    node: putContainer(step.state.node, changeContainer(container, change)),
  })
}

/** What operators say of the node. */
export function mark(step: Step, mark: NodeMark): void {
  step.set({ mark })
  step.setNode({ availability: mark.availability, labels: markLabels(step.state.engineLabels, mark) })
}

/** A container that we removed. */
export function forget(step: Step, id: string): void {
  const fetch: Fetch = { what: 'container', id, isInspected: false }
  step.set({
    flights: touch(overrule(step.state.flights, fetch), 'containers', id),
    node: dropContainer(step.state.node, id),
  })
}
