import { ExactNumber } from '../../core/exact-json.ts'
import { isFields } from '../wire.ts'
import type { Fields } from '../wire.ts'

/**
 * Which keys of a body are names of fields. Engines read those whatever their case (Go's encoding/json), so `hostconfig`
 * is obeyed as `HostConfig`; keys that users choose (labels, networks, ports) are kept as they are.
 */
type Names = 'value' | FieldNames | EachOf

/** An object with fields; those that are not named here pass untouched. */
interface FieldNames {
  readonly kind: 'fields'
  readonly exact: ReadonlyMap<string, Names>
  /** Lower case → as Docker writes it. */
  readonly folded: ReadonlyMap<string, string>
}

/** A list, or an object with keys of the user's own, whose items are all alike. */
interface EachOf {
  readonly kind: 'each'
  readonly item: Names
}

function fields(names: Readonly<Record<string, Names>>): FieldNames {
  const known = Object.entries(names)
  return {
    kind: 'fields',
    exact: new Map(known),
    folded: new Map(known.map(([name]) => [name.toLowerCase(), name])),
  }
}

function values(...names: readonly string[]): Readonly<Record<string, Names>> {
  return Object.fromEntries(names.map((name) => [name, 'value']))
}

function each(item: Names): EachOf {
  return { kind: 'each', item }
}

const userKeys = each('value')

const mount = fields({
  ...values('Type', 'Source', 'ReadOnly'),
  BindOptions: fields(values('ReadOnlyForceRecursive', 'ReadOnlyNonRecursive')),
  VolumeOptions: fields({
    ...values('Subpath'),
    Labels: userKeys,
    DriverConfig: fields({ ...values('Name'), Options: userKeys }),
  }),
  TmpfsOptions: fields(values('Options')),
})

const hostConfig = fields({
  ...values('NetworkMode', 'IpcMode', 'PidMode', 'VolumesFrom', 'Links', 'Binds', 'VolumeDriver', 'AutoRemove'),
  ...values('PublishAllPorts', 'UTSMode', 'UsernsMode', 'CgroupnsMode', 'Cgroup'),
  ...values(
    'Memory',
    'MemoryReservation',
    'MemorySwap',
    'NanoCpus',
    'CpuShares',
    'CpuQuota',
    'CpuPeriod',
    'CpusetCpus',
  ),
  Annotations: userKeys,
  DeviceRequests: each(fields(values('Driver', 'Count', 'DeviceIDs', 'Capabilities'))),
  Mounts: each(mount),
  PortBindings: each(each(fields(values('HostIp', 'HostPort')))),
  RestartPolicy: fields(values('Name')),
})

/** What is looked at, or written anew, in a create. */
export const createNames: FieldNames = fields({
  ...values('Image', 'Env', 'Memory', 'MemorySwap', 'CpuShares', 'Cpuset', 'MacAddress'),
  ExposedPorts: userKeys,
  Healthcheck: fields(values('StartInterval')),
  HostConfig: hostConfig,
  Labels: userKeys,
  NetworkingConfig: fields({
    EndpointsConfig: each(
      fields(values('Aliases', 'GwPriority', 'IPAMConfig', 'MacAddress', 'NetworkID', 'EndpointID')),
    ),
  }),
  Flotilla: fields(values('Networks')),
})

export const networkNames: FieldNames = fields({
  ...values('Name', 'Driver', 'CheckDuplicate', 'Attachable', 'Ingress', 'ConfigOnly', 'EnableIPv4'),
  Labels: userKeys,
  Options: userKeys,
  ConfigFrom: fields(values('Network')),
  Flotilla: fields({ Container: createNames }),
})

export const attachmentNames: FieldNames = fields({
  ...values('Container', 'Force'),
  EndpointConfig: fields(values('NetworkID', 'EndpointID')),
})

export const volumeNames: FieldNames = fields({
  ...values('Name', 'Driver', 'ClusterVolumeSpec'),
  DriverOpts: userKeys,
  Labels: userKeys,
})

/** What an update may set that counts. */
export const updateNames: FieldNames = fields(
  values('Memory', 'MemorySwap', 'NanoCpus', 'CpuQuota', 'CpuPeriod', 'CpuShares'),
)

/**
 * The body with the names of its fields as Docker writes them. Where a field comes under several spellings, the last one
 * counts as for engines, and objects are joined: `{"Labels":{"a":""},"labels":{"b":""}}` has both labels.
 *
 * @returns the body itself when there is nothing to change
 */
export function foldNames(body: Fields, names: FieldNames): Fields {
  const folded = fold(body, names)
  return isFields(folded) ? folded : body
}

function fold(value: unknown, names: Names): unknown {
  if (names === 'value' || value instanceof ExactNumber) return value
  if (names.kind === 'each' && names.item === 'value') return value
  if (names.kind === 'each' && Array.isArray(value)) {
    const items: readonly unknown[] = value
    const folded = items.map((item) => fold(item, names.item))
    return folded.every((item, at) => item === items[at]) ? items : folded
  }
  if (!isFields(value)) return value
  // Without a prototype: `__proto__` is a label like any other.
  const folded: Record<string, unknown> = Object.create(null)
  let isChanged = false
  for (const [key, field] of Object.entries(value)) {
    const name = names.kind === 'each' ? key : toName(key, names)
    const inner = names.kind === 'each' ? names.item : (names.exact.get(name) ?? 'value')
    const next = fold(field, inner)
    isChanged ||= name !== key || next !== field
    folded[name] = name in folded && inner !== 'value' ? join(folded[name], next, inner) : next
  }
  return isChanged ? folded : value
}

/** As Go reads a second object into the first one. */
function join(first: unknown, second: unknown, names: Names): unknown {
  if (!isFields(first) || !isFields(second)) return second
  const joined: Record<string, unknown> = Object.assign(Object.create(null), first)
  for (const [key, field] of Object.entries(second)) {
    const inner = names !== 'value' && names.kind === 'fields' ? (names.exact.get(key) ?? 'value') : 'value'
    joined[key] = inner !== 'value' && key in joined ? join(joined[key], field, inner) : field
  }
  return joined
}

/** As Go folds letters: of those beyond ASCII the sign of the kelvin stands for k, and the long s for s. */
function toName(key: string, names: FieldNames): string {
  if (names.exact.has(key)) return key
  return names.folded.get(key.toLowerCase().replaceAll('\u017f', 's')) ?? key
}
