import { readGeneration } from '../model.ts'
import type { ContainerView, NodeView } from '../model.ts'
import { hasPolicy } from '../recipe.ts'
import type { NetworkUse, Recipe } from '../recipe.ts'
import { readBoolean, readFields, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { isPassingName } from './decide.ts'
import type { ContainerRecord } from './record.ts'

/** A host that shuts down ends its containers this long, at most, before its engine falls silent. */
const shutdownMs = 60_000

/**
 * Whether a container is to run where it is made anew: when it ran at last, or was ended together with its host (by a
 * signal, or with a restart policy that wants it to run, less than a minute before its engine fell silent).
 */
export function isMeantToRun(record: ContainerRecord): boolean {
  const { isRunning, ended, move } = record
  if (isRunning || ended === undefined || move?.kind !== 'failure') return isRunning
  if (move.sinceMs - ended.atMs > shutdownMs) return false
  const policy = readText(readFields(readFields(record.body, 'HostConfig'), 'RestartPolicy'), 'Name')
  return policy === 'always' || policy === 'unless-stopped' || ended.exitCode === 137 || ended.exitCode === 143
}

/** A container that is gone as soon as it has been stopped (`--rm`): that it is missing does not mean that somebody removed it. */
export function isSelfRemoving(record: Pick<ContainerRecord, 'body'>): boolean {
  return readBoolean(readFields(record.body, 'HostConfig'), 'AutoRemove')
}

/**
 * The record of a container as its node shows it. The same object when nothing changed, undefined when there is nothing
 * to record (not inspected yet), and `before` for an older copy of what is recorded elsewhere.
 */
export function recordContainer(
  before: ContainerRecord | undefined,
  node: NodeView,
  container: ContainerView,
  recipe: Recipe | undefined = container.recipe,
): ContainerRecord | undefined {
  if (recipe === undefined || container.swarmId === '') return before
  const generation = readGeneration(container)
  if (before !== undefined) {
    if (before.move?.target !== undefined) return before
    const isElsewhere = before.home.engineId !== node.engineId || before.home.containerId !== container.id
    if (isElsewhere && generation <= before.generation) return before
  }
  const shown = container.names.find((name) => !name.includes('/')) ?? ''
  const isPassing = before !== undefined && isPassingName(before, [shown])
  const next: ContainerRecord = {
    swarmId: container.swarmId,
    name: isPassing ? before.name : shown,
    isRunning: ['running', 'paused', 'restarting', 'stopping'].includes(container.state),
    ended: container.state === 'exited' ? readEnd(node, container, before?.ended) : undefined,
    generation: Math.max(generation, before?.generation ?? 0),
    home: { engineId: node.engineId, addr: node.addr, node: node.name, containerId: container.id },
    body: recipe.body,
    networks: recipe.networks.map((use) => ({
      name: use.name,
      settings: keepAddress(use, container, before),
      isSpanning: node.networks.some((each) => each.name === use.name && each.scope !== 'local'),
    })),
    volumes: recipe.volumes.map((use) => ({ ...use, options: readVolumeOptions(node, use.name) })),
    hasPolicy: hasPolicy(container.labels),
    move: before?.move,
    history: before?.history ?? [],
    left: before?.left ?? [],
  }
  return before !== undefined && isSameRecord(before, next) ? before : next
}

/** An address that was asked for is known from before the first start: the record of that time keeps it. */
function keepAddress(use: NetworkUse, container: ContainerView, before: ContainerRecord | undefined): Fields {
  if (before?.home.containerId !== container.id) return use.settings
  const asked = before.networks.find((each) => each.name === use.name && each.isSpanning)?.settings['IPAMConfig']
  return asked === undefined ? use.settings : { ...use.settings, IPAMConfig: asked }
}

/** How it ended when nobody could tell: as by SIGKILL. */
const killedCode = 137

/** An engine that goes down may have told that a container ended, and no more how: its host ended both. */
function readEnd(node: NodeView, container: ContainerView, before: ContainerRecord['ended']): ContainerRecord['ended'] {
  const isUntold = container.finishedAtMs === 0 || container.finishedAtMs < container.startedAtMs
  if (!isUntold) return { atMs: container.finishedAtMs, exitCode: container.exitCode }
  if (before !== undefined) return before
  const shown = /^Exited \((\d+)\)/.exec(container.row.status)?.[1]
  return { atMs: node.updatedAtMs, exitCode: shown === undefined ? killedCode : Number(shown) }
}

function readVolumeOptions(node: NodeView, name: string): ContainerRecord['volumes'][number]['options'] {
  const volume = node.volumes.find((each) => each.name === name)
  return volume === undefined ? {} : readFields(volume.row, 'Options')
}

function isSameRecord(a: ContainerRecord, b: ContainerRecord): boolean {
  if (
    a.body === b.body &&
    a.isRunning === b.isRunning &&
    a.name === b.name &&
    a.home.containerId === b.home.containerId
  ) {
    return JSON.stringify({ ...a, body: 0 }) === JSON.stringify({ ...b, body: 0 })
  }
  return JSON.stringify(a) === JSON.stringify(b)
}
