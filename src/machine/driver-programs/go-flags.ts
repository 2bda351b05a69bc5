import { FlotillaError } from '../../core/errors.ts'
import type { FlagSpec, FlagTable } from '../../core/flag.ts'
import { gobBool, gobInt, GobInterface, gobInterface, gobString } from '../../core/gob/type.ts'
import type { GobType, GobValue } from '../../core/gob/type.ts'
import { isStruct } from '../../core/gob/wire-type.ts'
import type { DriverOptions } from '../driver.ts'

/** Names under which Go plug-ins register their kinds of flag. */
const kindOf: ReadonlyMap<string, FlagSpec['kind']> = new Map([
  ['*mcnflag.StringFlag', 'string'],
  ['*mcnflag.IntFlag', 'integer'],
  ['*mcnflag.BoolFlag', 'boolean'],
  ['*mcnflag.StringSliceFlag', 'strings'],
])

/** Flags of `create` that plug-ins get beside their own; lists only when they were given. */
const sharedFlags = (
  'driver engine-install-url engine-storage-driver swarm swarm-addr swarm-discovery swarm-experimental swarm-host ' +
  'swarm-image swarm-master swarm-strategy engine-label engine-opt engine-env engine-insecure-registry ' +
  'engine-registry-mirror swarm-opt swarm-join-opt tls-san'
).split(' ')

/**
 * The answer to `GetCreateFlags` as flags of the command line.
 *
 * @throws {machine/driver} when it is not a list of flags, or a flag is of a kind we do not know
 */
export function readGoFlags(answer: GobValue): FlagTable {
  if (!Array.isArray(answer)) throw new FlotillaError('machine/driver', 'its flags are not a list')
  const items: readonly GobValue[] = answer
  return Object.fromEntries(items.map(readFlag))
}

function readFlag(item: GobValue): readonly [string, FlagSpec] {
  if (!(item instanceof GobInterface) || !isStruct(item.value)) {
    throw new FlotillaError('machine/driver', 'one of its flags is nothing')
  }
  const kind = kindOf.get(item.typeName)
  const { Name: name, Usage: usage, EnvVar: variable, Value: value } = item.value
  if (typeof name !== 'string' || name === '') throw new FlotillaError('machine/driver', 'one of its flags has no name')
  if (kind === undefined) {
    throw new FlotillaError('machine/driver', `its flag --${name} is a ${item.typeName}, which is not known`)
  }
  const brief = typeof usage === 'string' && usage !== '' ? usage : name
  const env = typeof variable === 'string' && variable !== '' ? { env: [variable] } : {}
  return [name, { kind, brief, ...env, ...readDefault(kind, value) }]
}

/** Zero values are not sent. */
function readDefault(
  kind: FlagSpec['kind'],
  value: GobValue | undefined,
): { readonly default?: NonNullable<FlagSpec['default']> } {
  if (kind === 'string') return { default: typeof value === 'string' ? value : '' }
  if (kind === 'integer') return { default: typeof value === 'number' ? value : 0 }
  if (kind !== 'strings') return {}
  const list: readonly GobValue[] = Array.isArray(value) ? value : []
  return { default: list.filter((item) => typeof item === 'string') }
}

const stringList: GobType = { kind: 'slice', name: '[]string', element: gobString }
const flagMap: GobType = { kind: 'map', name: 'map[string]interface {}', key: gobString, element: gobInterface }
const flagsType: GobType = { kind: 'struct', name: 'RPCFlags', fields: [{ name: 'Values', type: flagMap }] }

/**
 * The argument of `SetConfigFromFlags`: every flag of the driver with a value of its Go type, and the shared ones.
 *
 * docker/machine commands/create.go: which flags a driver is given.
 */
export function toGoFlags(table: FlagTable, options: DriverOptions): GobInterface {
  const values = new Map<string, GobValue>()
  for (const name of sharedFlags) {
    const value = options[name]
    const isUnset = value === undefined || typeof value === 'number' || (Array.isArray(value) && value.length === 0)
    if (!isUnset) values.set(name, toGoValue(value))
  }
  for (const [name, spec] of Object.entries(table)) {
    values.set(name, toGoValue(options[name] ?? spec.default ?? emptyOf(spec.kind)))
  }
  return new GobInterface('*rpcdriver.RPCFlags', { Values: values }, flagsType)
}

function emptyOf(kind: FlagSpec['kind']): boolean | string | number | readonly string[] {
  if (kind === 'boolean') return false
  if (kind === 'strings') return []
  return kind === 'string' ? '' : 0
}

function toGoValue(value: boolean | string | number | readonly string[]): GobInterface {
  if (typeof value === 'boolean') return new GobInterface('bool', value, gobBool)
  if (typeof value === 'number') return new GobInterface('int', value, gobInt)
  if (typeof value === 'string') return new GobInterface('string', value, gobString)
  return new GobInterface('[]string', value, stringList)
}
