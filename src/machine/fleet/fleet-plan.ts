import { createHash } from 'node:crypto'
import type { JsonObject } from '../../core/exact-json.ts'
import { isSecretName } from '../../core/mask.ts'
import { unfinishedStep } from '../creation.ts'
import type { HostState } from '../driver.ts'
import type { Host } from '../host.ts'
import type { FleetFile, FleetMachine, FleetValue } from './fleet-file.ts'

/** Top-level field of a record: the fleet a machine belongs to, and what its file said when it was made or last changed. */
const field = 'Fleet'

export type FleetAction = 'create' | 'resume' | 'update' | 'replace' | 'start' | 'stop' | 'remove'

export interface FleetStep {
  readonly action: FleetAction
  readonly name: string
  /** What is different, a line each. */
  readonly changes: readonly string[]
  /** Absent for `remove`. */
  readonly wanted?: FleetMachine
}

export interface FleetPlan {
  readonly steps: readonly FleetStep[]
  readonly unchanged: readonly string[]
  /** Machines of the fleet that the file no longer names; without `prune` they stay. */
  readonly left: readonly string[]
  /** Names that are taken by machines of nobody or of another fleet. */
  readonly conflicts: readonly string[]
}

/** A machine of the store and how it is now. */
export interface FleetObserved {
  readonly host: Host
  readonly state: HostState
}

/** Flags that provisioning once more brings into effect; a change of any other makes another machine. */
const changeable = new Set([
  'engine-opt',
  'engine-env',
  'engine-insecure-registry',
  'engine-registry-mirror',
  'engine-storage-driver',
  'engine-version',
  'engine-install-url',
  'tls-san',
  'context',
])

/** The mark a machine of the fleet carries in its record. */
export function fleetMark(fleet: string, wanted: FleetMachine): JsonObject {
  const { name, driver, options, labels } = wanted
  return { [field]: { name: fleet, driver, options: hideSecrets(name, options), labels: { ...labels } } }
}

const hashPrefix = 'sha256:'

/** Options with digests in place of credentials: whether one has changed is all that is asked of the record later. */
function hideSecrets(name: string, options: FleetMachine['options']): Readonly<Record<string, FleetValue>> {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [key, hideSecret(name, key, value)]))
}

function hideSecret(name: string, key: string, value: FleetValue): FleetValue {
  const isPlain = typeof value === 'string' && value !== '' && !value.startsWith('secret:') && !isDigest(value)
  if (!isPlain || !isSecretOption(key)) return value
  return `${hashPrefix}${createHash('sha256')
    .update(JSON.stringify([name, key, value]))
    .digest('hex')}`
}

/** Where a credential lies is none. */
function isSecretOption(key: string): boolean {
  return isSecretName(key) && !/(?:file|path)$/.test(key)
}

function isDigest(value: FleetValue): boolean {
  return typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value)
}

interface Mark {
  readonly name: string
  readonly driver: string
  readonly options: Readonly<Record<string, FleetValue>>
  readonly labels: Readonly<Record<string, string>>
}

function readMark(host: Host): Mark | undefined {
  const mark = host.extra?.[field]
  if (typeof mark !== 'object' || mark === null || Array.isArray(mark)) return undefined
  const { name, driver, options, labels } = mark as unknown as Partial<Mark>
  if (typeof name !== 'string') return undefined
  return { name, driver: driver ?? '', options: options ?? {}, labels: labels ?? {} }
}

/** The fleet a machine belongs to. */
export function fleetOf(host: Host): string | undefined {
  return readMark(host)?.name
}

/** Whether the file asked for a context of the docker CLI when the machine was made or last changed. */
export function asksForContext(host: Host): boolean {
  return String(readMark(host)?.options['context'] ?? false) === 'true'
}

/** What it takes to make the store what the file says. Pure: the same input, the same plan. */
export function planFleet(file: FleetFile, observed: readonly FleetObserved[], prunes: boolean): FleetPlan {
  const byName = new Map(observed.map((each) => [each.host.name, each]))
  const steps: FleetStep[] = []
  const unchanged: string[] = []
  const conflicts: string[] = []
  for (const wanted of file.machines) {
    const present = byName.get(wanted.name)
    if (present !== undefined && readMark(present.host)?.name !== file.name) {
      conflicts.push(wanted.name)
      continue
    }
    const step = planOne(wanted, present)
    if (step === undefined) unchanged.push(wanted.name)
    else steps.push(step)
  }
  const named = new Set(file.machines.map(({ name }) => name))
  const gone = observed.flatMap(({ host }) =>
    readMark(host)?.name === file.name && !named.has(host.name) ? [host.name] : [],
  )
  const removals = prunes ? gone.map((name): FleetStep => ({ action: 'remove', name, changes: [] })) : []
  return { steps: [...steps, ...removals], unchanged, left: prunes ? [] : gone, conflicts }
}

function planOne(wanted: FleetMachine, present: FleetObserved | undefined): FleetStep | undefined {
  const { name } = wanted
  if (present === undefined) return { action: 'create', name, changes: describeWanted(wanted), wanted }
  const mark = readMark(present.host)
  if (mark === undefined) return undefined
  // Older records hold credentials as they are.
  const [before, after] = [mark.options, wanted.options].map((options) => hideSecrets(name, options)) as [
    FleetMachine['options'],
    FleetMachine['options'],
  ]
  const deep = [
    ...(mark.driver === wanted.driver ? [] : [`driver: ${mark.driver} → ${wanted.driver}`]),
    ...diff('', pick(before, false), pick(after, false)),
  ]
  const light = [...diff('', pick(before, true), pick(after, true)), ...diff('label ', mark.labels, wanted.labels)]
  if (deep.length > 0) return { action: 'replace', name, changes: [...deep, ...light], wanted }
  const step = unfinishedStep(present.host)
  if (step !== undefined) return { action: 'resume', name, changes: ['its creation was interrupted'], wanted }
  if (light.length > 0) return { action: 'update', name, changes: light, wanted }
  const isOn = present.state === 'Running'
  if (wanted.state === 'running' && present.state === 'Stopped') return { action: 'start', name, changes: [], wanted }
  if (wanted.state === 'stopped' && isOn) return { action: 'stop', name, changes: [], wanted }
  return undefined
}

function pick(
  options: Readonly<Record<string, FleetValue>>,
  isChangeable: boolean,
): Readonly<Record<string, FleetValue>> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => changeable.has(name) === isChangeable))
}

function diff(
  prefix: string,
  before: Readonly<Record<string, FleetValue>>,
  after: Readonly<Record<string, FleetValue>>,
): readonly string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return keys.flatMap((key) => {
    const [from, to] = [before[key], after[key]]
    if (JSON.stringify(from) === JSON.stringify(to)) return []
    const isSecret = prefix === '' && isSecretOption(key)
    return [`${prefix}${key}: ${show(from, isSecret)} → ${show(to, isSecret)}`]
  })
}

function show(value: FleetValue | undefined, isSecret: boolean = false): string {
  if (value === undefined) return '(none)'
  const isHidden = isSecret && typeof value === 'string' && value !== '' && !value.startsWith('secret:')
  return isHidden ? '***' : JSON.stringify(value)
}

function describeWanted({ driver, options, labels, state }: FleetMachine): readonly string[] {
  return [
    `driver: ${driver}`,
    ...Object.keys(options)
      .sort()
      .map((key) => `${key}: ${show(options[key], isSecretOption(key))}`),
    ...Object.keys(labels)
      .sort()
      .map((key) => `label ${key}: ${show(labels[key])}`),
    ...(state === 'stopped' ? ['state: stopped'] : []),
  ]
}

const signs: Readonly<Record<FleetAction, string>> = {
  create: '+',
  resume: '+',
  update: '~',
  replace: '±',
  start: '>',
  stop: '>',
  remove: '-',
}

/** The plan as people read it, and one line that counts. */
export function renderPlan(plan: FleetPlan): string {
  const lines = plan.steps.flatMap(({ action, name, changes }) => [
    `${signs[action]} ${action} ${name}`,
    ...changes.map((change) => `    ${change}`),
  ])
  const left = plan.left.map((name) => `  ${name} is no longer in the file; --prune removes it`)
  const counts = (['create', 'resume', 'update', 'replace', 'start', 'stop', 'remove'] as const).flatMap((action) => {
    const count = plan.steps.filter((step) => step.action === action).length
    return count === 0 ? [] : [`${count} to ${action}`]
  })
  const sum = counts.length === 0 ? 'nothing to do' : counts.join(', ')
  return [...lines, ...left, `Plan: ${sum}; ${plan.unchanged.length} unchanged.`, ''].join('\n')
}
