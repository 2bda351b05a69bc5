import type { Availability, NodeMark } from '../model.ts'
import type { NetworkUse } from '../recipe.ts'
import { isFields, readBoolean, readField, readFields, readList, readNumber, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'

/** A place where a container is or is to be. */
export interface Place {
  readonly engineId: string
  /** As discovery gave it. */
  readonly addr: string
  readonly node: string
}

/** Where a container is. */
export interface Home extends Place {
  readonly containerId: string
}

/** A network of a container, and whether it spans nodes. */
export interface RecordedNetwork extends NetworkUse {
  readonly isSpanning: boolean
}

export interface RecordedVolume {
  readonly name: string
  readonly driver: string
  /** Driver options, for making it on another node. */
  readonly options: Fields
}

/** A copy on an engine that did not answer when the container was made anew elsewhere. */
export interface LeftCopy {
  readonly engineId: string
  /** Empty: the engine was asked to make it and has not said whether it did. */
  readonly containerId: string
  /** Where its ID is not known: the generation of the last attempt on that engine; whatever is not newer is such a copy. */
  readonly generation?: number
}

export type MoveKind = 'failure' | 'drain' | 'rebalance'

/** A container on its way to another node. Written before each step that must not be done twice. */
export interface Move {
  readonly kind: MoveKind
  /** Set from the moment when an engine may have been asked for the new container. */
  readonly target: Place | undefined
  /** Node wanted by a rebalance; empty: any. */
  readonly wanted: string
  readonly attempts: number
  /** Epoch milliseconds when its reason was noticed. */
  readonly sinceMs: number
}

/** What has to be known of a container so that it can be made anew without its engine. */
export interface ContainerRecord {
  readonly swarmId: string
  /** Empty for containers that an engine named and that no longer have a name. */
  readonly name: string
  readonly isRunning: boolean
  /** How and when, in epoch milliseconds of the manager, it ended. */
  readonly ended: { readonly atMs: number; readonly exitCode: number } | undefined
  /** Rises with every attempt, so that of two containers the older one can be told. */
  readonly generation: number
  readonly home: Home
  /** Body of a create call without networks. */
  readonly body: Fields
  readonly networks: readonly RecordedNetwork[]
  readonly volumes: readonly RecordedVolume[]
  /** False: no policy, recorded only while it is moved. */
  readonly hasPolicy: boolean
  readonly move: Move | undefined
  /** Epoch milliseconds of the last times it was made anew because a node failed, oldest first. */
  readonly history: readonly number[]
  /** Copies that may still be there, oldest first. */
  readonly left: readonly LeftCopy[]
}

/** What is kept of a container that was removed while copies of it were left: they go when their engines are back. */
export interface RemovedRecord {
  readonly swarmId: string
  readonly name: string
  readonly left: readonly LeftCopy[]
}

/** A node mark as it is kept. */
export interface MarkRecord {
  readonly engineId: string
  readonly node: string
  readonly mark: NodeMark
  /** A drain that also moves containers without policy. */
  readonly isForced: boolean
}

const format = 1

export function renderRecord(record: ContainerRecord): string {
  return JSON.stringify({ format, ...record })
}

/** Undefined for anything that is not a whole record of a known format. */
export function parseRecord(text: string): ContainerRecord | undefined {
  const fields = parse(text)
  if (fields === undefined || readNumber(fields, 'format') !== format) return undefined
  const home = readFields(fields, 'home')
  const swarmId = readText(fields, 'swarmId')
  if (swarmId === '' || readText(home, 'engineId') === '' || readText(home, 'containerId') === '') return undefined
  return {
    swarmId,
    name: readText(fields, 'name'),
    isRunning: readBoolean(fields, 'isRunning'),
    ended: readEnd(readField(fields, 'ended')),
    generation: readNumber(fields, 'generation'),
    home: { ...readPlace(home), containerId: readText(home, 'containerId') },
    body: readFields(fields, 'body'),
    networks: readList(fields, 'networks').filter(isFields).map(readNetwork),
    volumes: readList(fields, 'volumes').filter(isFields).map(readVolume),
    hasPolicy: readBoolean(fields, 'hasPolicy'),
    move: readMove(readField(fields, 'move')),
    history: readList(fields, 'history').filter((each) => typeof each === 'number'),
    left: readLeft(fields),
  }
}

function readLeft(fields: Fields): readonly LeftCopy[] {
  const copies = readList(fields, 'left').filter(isFields)
  return copies.map((each) => {
    const copy = { engineId: readText(each, 'engineId'), containerId: readText(each, 'containerId') }
    return copy.containerId === '' ? { ...copy, generation: readNumber(each, 'generation') } : copy
  })
}

export function renderRemoved(record: RemovedRecord): string {
  return JSON.stringify({ format, ...record })
}

export function parseRemoved(text: string): RemovedRecord | undefined {
  const fields = parse(text)
  if (fields === undefined || readNumber(fields, 'format') !== format) return undefined
  const swarmId = readText(fields, 'swarmId')
  const left = readLeft(fields)
  return swarmId === '' || left.length === 0 ? undefined : { swarmId, name: readText(fields, 'name'), left }
}

function parse(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isFields(value) ? value : undefined
  } catch {
    return undefined
  }
}

function readPlace(fields: Fields): Place {
  return { engineId: readText(fields, 'engineId'), addr: readText(fields, 'addr'), node: readText(fields, 'node') }
}

function readNetwork(fields: Fields): RecordedNetwork {
  const settings = readFields(fields, 'settings')
  return { name: readText(fields, 'name'), settings, isSpanning: readBoolean(fields, 'isSpanning') }
}

function readVolume(fields: Fields): RecordedVolume {
  return { name: readText(fields, 'name'), driver: readText(fields, 'driver'), options: readFields(fields, 'options') }
}

function readEnd(value: unknown): ContainerRecord['ended'] {
  return isFields(value) ? { atMs: readNumber(value, 'atMs'), exitCode: readNumber(value, 'exitCode') } : undefined
}

function readMove(value: unknown): Move | undefined {
  if (!isFields(value)) return undefined
  const kind = readText(value, 'kind')
  if (kind !== 'failure' && kind !== 'drain' && kind !== 'rebalance') return undefined
  const target = readField(value, 'target')
  return {
    kind,
    target: isFields(target) ? readPlace(target) : undefined,
    wanted: readText(value, 'wanted'),
    attempts: readNumber(value, 'attempts'),
    sinceMs: readNumber(value, 'sinceMs'),
  }
}

export function renderMark(record: MarkRecord): string {
  const { engineId, node, mark, isForced } = record
  return JSON.stringify({
    format,
    engineId,
    node,
    availability: mark.availability,
    labels: Object.fromEntries(mark.labels),
    isForced,
  })
}

export function parseMark(text: string): MarkRecord | undefined {
  const fields = parse(text)
  if (fields === undefined || readNumber(fields, 'format') !== format) return undefined
  const engineId = readText(fields, 'engineId')
  const availability = toAvailability(readText(fields, 'availability'))
  if (engineId === '' || availability === undefined) return undefined
  const labels = new Map<string, string>()
  for (const [key, value] of Object.entries(readFields(fields, 'labels'))) {
    if (typeof value === 'string') labels.set(key, value)
  }
  const isForced = readBoolean(fields, 'isForced')
  return { engineId, node: readText(fields, 'node'), mark: { availability, labels }, isForced }
}

function toAvailability(text: string): Availability | undefined {
  return text === 'active' || text === 'drain' || text === 'pause' ? text : undefined
}
