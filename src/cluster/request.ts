import { FlotillaError } from '../core/errors.ts'
import { checkCreateTypes } from './create-types.ts'
import { joinLists, parseExpressions } from './expression.ts'
import type { CompileRegex } from './expression.ts'
import { defaultLimits } from './limits.ts'
import { readGpuAsk } from './gpus.ts'
import { AFFINITIES_LABEL, CONSTRAINTS_LABEL, RESCHEDULE_LABEL, SWARM_ID_LABEL, WHITELISTS_LABEL } from './model.ts'
import type { NodeView, Pending } from './model.ts'
import type { PlacementRequest } from './placement.ts'
import { readBindings } from './port-bindings.ts'
import { isFields, readCpuLimit, readField, readFields, readMemory, readNumber, readText, readTexts } from './wire.ts'
import type { Fields } from './wire.ts'

/** A create call taken apart: where it may go, and what the chosen engine is sent. */
export interface CreateDraft {
  /** Empty: the engine invents one. */
  readonly name: string
  readonly swarmId: string
  /** `on-node-failure`, `off` or empty. */
  readonly reschedulePolicy: string
  readonly request: PlacementRequest
  /**
   * Rules taken out of the environment and written into labels, swarm ID set, legacy top-level resources
   * moved. `CpuShares` still counts CPUs: see `toEngineBody`.
   */
  readonly body: Fields
}

const kinds = [
  { prefix: 'affinity:', label: AFFINITIES_LABEL },
  { prefix: 'constraint:', label: CONSTRAINTS_LABEL },
  { prefix: 'whitelist:', label: WHITELISTS_LABEL },
  { prefix: 'reschedule:', label: RESCHEDULE_LABEL },
] as const

type Rules = ReadonlyMap<string, readonly string[]>

/** What the conditions of a request are read from, and how. */
interface Conditions {
  readonly rules: Rules
  readonly compile: CompileRegex
  readonly longest: number
}

/** The conditions a create body carries, for `needsRegex`: reading them may take the regular expression engine. */
export function listConditions(body: Fields): readonly string[] {
  const rules = collectRules(body)
  return [...(rules.get(CONSTRAINTS_LABEL) ?? []), ...(rules.get(AFFINITIES_LABEL) ?? [])]
}

/**
 * Reads a create call. Conditions that cannot be read are kept as the list's `problem`: the scheduler words
 * that refusal.
 *
 * @param makeId gives a new swarm ID, 64 hexadecimal digits; called only when the body has none
 * @param longest value of one condition, in characters
 * @throws {cluster/invalid-option} for reschedule policies, wrong types and numbers out of range
 */
export function parseCreate(
  name: string,
  body: Fields,
  compile: CompileRegex,
  makeId: () => string,
  longest: number = defaultLimits.patternLength,
): CreateDraft {
  checkCreateTypes(body)
  const rules = collectRules(body)
  const policies = rules.get(RESCHEDULE_LABEL) ?? []
  checkPolicies(policies)
  const hostConfig = mergeLegacyResources(body)
  checkResources(hostConfig)
  const labels: Record<string, string> = Object.create(null)
  for (const [key, value] of Object.entries(readFields(body, 'Labels'))) {
    // Engines take null for an empty text.
    if (typeof value === 'string' || value === null) labels[key] = value ?? ''
  }
  for (const [label, texts] of rules) if (texts.length > 0) labels[label] = JSON.stringify(texts)
  const swarmId = labels[SWARM_ID_LABEL] || makeId()
  labels[SWARM_ID_LABEL] = swarmId
  const env = readField(body, 'Env')
  const rest: Record<string, unknown> = { ...body, HostConfig: hostConfig, Labels: labels }
  for (const key of legacyResources) delete rest[key]
  if (Array.isArray(env)) rest['Env'] = env.filter((each) => typeof each !== 'string' || kindOf(each) === undefined)
  return {
    name,
    swarmId,
    reschedulePolicy: policies[0] ?? '',
    request: readRequest(name, rest, hostConfig, { rules, compile, longest }),
    body: rest,
  }
}

function kindOf(entry: string): (typeof kinds)[number] | undefined {
  return kinds.find((kind) => entry.startsWith(kind.prefix))
}

/** Label entries first, environment entries after them, as in the ancestor (classicswarm cluster/config.go). */
function collectRules(body: Fields): Rules {
  const rules = new Map<string, string[]>()
  const labels = readFields(body, 'Labels')
  for (const { label } of kinds) rules.set(label, parseTexts(readText(labels, label)))
  for (const entry of readTexts(body, 'Env')) {
    const kind = kindOf(entry)
    if (kind !== undefined) rules.get(kind.label)?.push(dropTrailingEquals(entry.slice(kind.prefix.length)))
  }
  return rules
}

/** A JSON list of texts, as rule labels hold; malformed JSON counts as no entries. */
export function parseTexts(json: string): string[] {
  if (json === '') return []
  try {
    const value: unknown = JSON.parse(json)
    return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
  } catch {
    return []
  }
}

/** Compose clients turn `NAME` into `NAME=` (docker-archive/classicswarm issue 1651). */
function dropTrailingEquals(text: string): string {
  return text.endsWith('=') && !text.endsWith('==') && !text.endsWith('!=') ? text.slice(0, -1) : text
}

function checkPolicies(policies: readonly string[]): void {
  if (policies.length > 1) throw invalid('too many reschedule policies')
  const policy = policies[0]
  if (policy !== undefined && policy !== 'off' && policy !== 'on-node-failure') {
    throw invalid(`invalid reschedule policy: ${policy}`)
  }
}

function invalid(message: string, status = 500): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message, { status })
}

const legacyResources = ['Memory', 'MemorySwap', 'CpuShares', 'Cpuset'] as const

/** Clients of the first API versions put resources beside `HostConfig`; where they are not zero, they win. */
function mergeLegacyResources(body: Fields): Fields {
  const hostConfig: Record<string, unknown> = { ...readFields(body, 'HostConfig') }
  for (const key of ['Memory', 'MemorySwap', 'CpuShares'] as const) {
    if (readNumber(body, key) !== 0) hostConfig[key] = readField(body, key)
  }
  if (readText(body, 'Cpuset') !== '') hostConfig['CpusetCpus'] = readText(body, 'Cpuset')
  return hostConfig
}

function checkResources(hostConfig: Fields): void {
  for (const key of ['Memory', 'MemoryReservation', 'CpuShares', 'NanoCpus'] as const) {
    const value = readField(hostConfig, key)
    if (value === undefined || value === null) continue
    const number = readNumber(hostConfig, key)
    const isNumber = typeof value === 'number' || isFields(value)
    if (!isNumber || number < 0 || number > Number.MAX_SAFE_INTEGER || !Number.isInteger(number)) {
      throw invalid(`invalid value for HostConfig.${key}: must be a whole number from 0 to 9007199254740991`, 400)
    }
  }
}

function readRequest(
  name: string,
  body: Fields,
  hostConfig: Fields,
  { rules, compile, longest }: Conditions,
): PlacementRequest {
  const networkMode = readText(hostConfig, 'NetworkMode')
  const isDefaultBridge = networkMode === '' || networkMode === 'default' || networkMode === 'bridge'
  return {
    name,
    image: readText(body, 'Image'),
    nanoCpus: Math.max(readNumber(hostConfig, 'CpuShares') * 1e9, readCpuLimit(hostConfig)),
    memoryBytes: readMemory(hostConfig),
    gpus: readGpuAsk(hostConfig),
    platform: undefined,
    networkMode,
    ports: networkMode === 'host' ? [] : readBindings(readFields(hostConfig, 'PortBindings')),
    exposed: networkMode === 'host' ? Object.keys(readFields(body, 'ExposedPorts')) : [],
    volumesFrom: readTexts(hostConfig, 'VolumesFrom'),
    // On networks of the user links are only aliases.
    links: isDefaultBridge ? readTexts(hostConfig, 'Links') : [],
    joins: readJoins(hostConfig),
    constraints: parseExpressions(rules.get(CONSTRAINTS_LABEL) ?? [], compile, 'constraint', longest),
    affinities: parseExpressions(rules.get(AFFINITIES_LABEL) ?? [], compile, 'affinity', longest),
    // Whitelists hold plain names; `|` between them is no pattern.
    whitelists: parseExpressions(rules.get(WHITELISTS_LABEL) ?? [], () => () => false, '', longest),
    isSoftIgnored: false,
  }
}

function readJoins(hostConfig: Fields): PlacementRequest['joins'] {
  const joins: { flag: string; container: string }[] = []
  for (const [key, flag] of [
    ['NetworkMode', '--net'],
    ['IpcMode', '--ipc'],
    ['PidMode', '--pid'],
  ] as const) {
    const mode = readText(hostConfig, key)
    if (mode.startsWith('container:')) joins.push({ flag, container: mode.slice('container:'.length) })
  }
  return joins
}

/**
 * What is wrong with a condition is a refusal of the scheduler, in its words and with its status 500, as in the ancestor;
 * one that goes beyond a limit of ours is the client's mistake.
 *
 * @throws {cluster/invalid-option} status 400
 */
export function checkConditionLimits({ constraints, affinities, whitelists }: PlacementRequest): void {
  for (const [kind, list] of Object.entries({ constraint: constraints, affinity: affinities, whitelist: whitelists })) {
    if (list.isBeyondLimit === true) throw invalid(`invalid ${kind}: ${list.problem ?? ''}`, 400)
  }
}

/** True when a hard constraint names the node: retries elsewhere make no sense. */
export function isPinned(request: PlacementRequest): boolean {
  return request.constraints.expressions.some((each) => each.key === 'node' && !each.isNegated && !each.isSoft)
}

/** True when it says which node, were it as a wish. */
export function namesNode(request: PlacementRequest): boolean {
  return request.constraints.expressions.some((each) => each.key === 'node' && !each.isNegated)
}

/** The request with one more condition, for this placement only (labels stay). The value takes no regular expression. */
export function addCondition(
  request: PlacementRequest,
  kind: 'constraints' | 'affinities',
  text: string,
): PlacementRequest {
  const more = parseExpressions([text], (pattern) => (value) => value === pattern)
  return { ...request, [kind]: joinLists(request[kind], more) }
}

/** The body as one engine understands it: CPUs become shares of that node's 1024. */
export function toEngineBody(body: Fields, node: NodeView): Fields {
  const hostConfig = readFields(body, 'HostConfig')
  const cpus = readNumber(hostConfig, 'CpuShares')
  if (cpus === 0 || node.cpus === 0) return body
  return { ...body, HostConfig: { ...hostConfig, CpuShares: Math.ceil((cpus * 1024) / node.cpus) } }
}

/** A promise that stands for a container until its engine reports it, before its node is known. */
export type Reservation = Omit<Pending, 'nodeId'>

/** What a container will take up, wherever it is placed. */
export function toReservation(draft: CreateDraft, times: Pick<Pending, 'id' | 'sinceMs' | 'expiresAtMs'>): Reservation {
  const { request } = draft
  const labels = new Map<string, string>()
  for (const [key, value] of Object.entries(readFields(draft.body, 'Labels'))) {
    if (typeof value === 'string') labels.set(key, value)
  }
  // One literal: objects put together from several are slow to make.
  return {
    id: times.id,
    sinceMs: times.sinceMs,
    expiresAtMs: times.expiresAtMs,
    swarmId: draft.swarmId,
    names: draft.name === '' ? [] : [draft.name],
    image: request.image,
    labels,
    networkMode: request.networkMode,
    ports: request.ports,
    exposed: request.exposed,
    nanoCpus: request.nanoCpus,
    memoryBytes: request.memoryBytes,
    gpus: request.gpus,
  }
}
