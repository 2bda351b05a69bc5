import type { Project } from '../model/project.ts'
import type { VolumeCreateBody } from '../translate.ts'
import type { PlanBuilder } from './builder.ts'
import { addPreStop } from './hook-steps.ts'
import type { Observed, ObservedContainer } from './observed.ts'
import { isAlive, isOutOfReach } from './observed.ts'
import type { ReconcileOptions } from './options.ts'
import type { ContainerRef, StepWords } from './plan.ts'
import type { Selection } from './selection.ts'

/** What the parts of one reconciliation share while they add their steps. */
export interface Workspace {
  readonly project: Project
  readonly observed: Observed
  readonly options: ReconcileOptions
  readonly selection: Selection
  readonly builder: PlanBuilder
  /** Container ID → step that stops it. */
  readonly stops: Map<string, number>
  /** Container ID → step that removes it. */
  readonly removals: Map<string, number>
  /** Container ID → steps that take it off networks; it must not be removed before. */
  readonly detachments: Map<string, number[]>
  /** Container ID → steps after which it is on its networks again. */
  readonly reconnections: Map<string, number[]>
  /** Network key → step that makes it; absent: it exists. */
  readonly networks: Map<string, number>
  /** Volume key → step that makes it; absent: it exists. */
  readonly volumes: Map<string, number>
  /** Volume key → its create body; a container that uses it brings it along. */
  readonly brought: Map<string, BroughtVolume>
}

/** A volume that a cluster makes with the first container that uses it, on the node of that. */
export interface BroughtVolume {
  readonly body: VolumeCreateBody
  readonly cause: string
  /** No step makes it yet. */
  isOpen: boolean
}

export function makeWorkspace(
  project: Project,
  observed: Observed,
  options: ReconcileOptions,
  selection: Selection,
  builder: PlanBuilder,
): Workspace {
  return {
    project,
    observed,
    options,
    selection,
    builder,
    stops: new Map(),
    removals: new Map(),
    detachments: new Map(),
    reconnections: new Map(),
    networks: new Map(),
    volumes: new Map(),
    brought: new Map(),
  }
}

/** How a step on a container comes about. */
export interface ContainerStep {
  readonly cause: string
  readonly after?: readonly (number | undefined)[]
  readonly words?: StepWords
}

export function toRef(container: ObservedContainer): ContainerRef {
  return {
    kind: 'existing',
    id: container.id,
    name: container.name,
    ...(isOutOfReach(container) && { isOutOfReach: true }),
  }
}

export function toResource(name: string): string {
  return `Container ${name}`
}

/** Adds the stop of a container once; a container without a process needs none. */
export function stopOnce(space: Workspace, container: ObservedContainer, step: ContainerStep): number | undefined {
  const known = space.stops.get(container.id)
  if (known !== undefined || !isAlive(container)) return known
  const timeoutSeconds = space.options.timeoutSeconds
  const resource = toResource(container.name)
  const after = addPreStop(space.builder, space.project, container, {
    ref: toRef(container),
    resource,
    ready: step.after ?? [],
  })
  const id = space.builder.add({
    op: {
      kind: 'stop-container',
      container: toRef(container),
      ...(timeoutSeconds !== undefined && { timeoutSeconds }),
    },
    resource,
    group: container.service,
    ...step,
    after,
  })
  space.stops.set(container.id, id)
  return id
}

/** Adds stop and removal of a container once. */
export function removeOnce(space: Workspace, container: ObservedContainer, step: ContainerStep): number {
  const known = space.removals.get(container.id)
  if (known !== undefined) return known
  const stop = stopOnce(space, container, step)
  const id = space.builder.add({
    op: { kind: 'remove-container', container: toRef(container), withVolumes: false },
    resource: toResource(container.name),
    group: container.service,
    ...step,
    after: [stop, ...(space.detachments.get(container.id) ?? []), ...(step.after ?? [])],
  })
  space.removals.set(container.id, id)
  return id
}
