import { FlotillaError } from '../../core/errors.ts'
import { isHostName } from '../host.ts'

/** A value of a flag of `create`. */
export type FleetValue = boolean | string | number | readonly string[]

/** One machine as a fleet file wants it. */
export interface FleetMachine {
  readonly name: string
  readonly driver: string
  /** Flags of `create` by long name, the driver's included. */
  readonly options: Readonly<Record<string, FleetValue>>
  readonly labels: Readonly<Record<string, string>>
  readonly state: 'running' | 'stopped'
}

/** What a fleet file says. */
export interface FleetFile {
  readonly name: string
  readonly machines: readonly FleetMachine[]
}

const maxMachines = 1000
const topKeys = ['name', 'machines']
const machineKeys = ['driver', 'options', 'labels', 'state']
/** What the file says in words of its own, or what makes no sense in it. */
const reserved: Readonly<Record<string, string>> = {
  driver: 'use the key "driver"',
  d: 'use the key "driver"',
  'engine-label': 'use the key "labels"',
  resume: 'interrupted creations are gone on with anyway',
  rollback: 'a creation that failed is gone on with by the next "apply"',
  parallel: 'give --parallel to "apply"',
}

/**
 * Reads a fleet file that has been parsed as YAML.
 *
 * @param file its name, for messages
 * @throws {machine/usage} naming the file and the machine
 */
export function readFleet(value: unknown, file: string): FleetFile {
  const refuse = (why: string): FlotillaError => new FlotillaError('machine/usage', `${file}: ${why}`)
  if (!isObject(value)) throw refuse('a mapping with the key "machines" is expected')
  refuseOtherKeys(value, topKeys, refuse)
  const name = value['name'] ?? 'default'
  if (typeof name !== 'string' || !isHostName(name)) throw refuse(`name ${JSON.stringify(name)} is no name`)
  const machines = value['machines'] ?? {}
  if (!isObject(machines)) throw refuse('machines is not a mapping')
  const found = new Map<string, FleetMachine>()
  for (const [pattern, entry] of Object.entries(machines)) {
    const refuseHere = (why: string): FlotillaError => refuse(`machines.${pattern}: ${why}`)
    const wanted = readMachine(entry ?? {}, refuseHere)
    for (const each of expandBraces(pattern, refuseHere)) {
      if (!isHostName(each))
        throw refuseHere(`${JSON.stringify(each)} is no name of a machine: allowed are 0-9a-zA-Z . -`)
      if (found.has(each)) throw refuseHere(`machine "${each}" is there twice`)
      found.set(each, { ...wanted, name: each })
      if (found.size > maxMachines) throw refuse(`more than ${maxMachines} machines`)
    }
  }
  return { name, machines: [...found.values()] }
}

function readMachine(entry: unknown, refuse: (why: string) => FlotillaError): Omit<FleetMachine, 'name'> {
  if (!isObject(entry)) throw refuse('a mapping is expected')
  refuseOtherKeys(entry, machineKeys, refuse)
  const { driver, options = {}, labels = {}, state = 'running' } = entry
  if (typeof driver !== 'string' || driver === '') throw refuse('driver is missing')
  if (state !== 'running' && state !== 'stopped') throw refuse('state is neither running nor stopped')
  if (!isObject(options)) throw refuse('options is not a mapping')
  if (!isObject(labels)) throw refuse('labels is not a mapping')
  for (const [key, value] of Object.entries(options)) {
    if (Object.hasOwn(reserved, key)) throw refuse(`options.${key}: ${reserved[key] ?? ''}`)
    if (!isFleetValue(value)) throw refuse(`options.${key} is neither text, number, true, false nor a list of texts`)
  }
  for (const [key, value] of Object.entries(labels)) {
    if (!['string', 'number', 'boolean'].includes(typeof value)) throw refuse(`labels.${key} is no text`)
  }
  return {
    driver,
    options: options as Readonly<Record<string, FleetValue>>,
    labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, String(value)])),
    state,
  }
}

function isFleetValue(value: unknown): value is FleetValue {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'string')
  return ['string', 'number', 'boolean'].includes(typeof value)
}

/** `web-{1..3}` and `{a,b}-db`, as a shell expands them; digits keep their width. */
export function expandBraces(pattern: string, refuse: (why: string) => FlotillaError): readonly string[] {
  const match = /\{([^{}]*)\}/.exec(pattern)
  if (match === null) return [pattern]
  const [whole, inner = ''] = match
  const range = /^(\d{1,9})\.\.(\d{1,9})$/.exec(inner)
  let words: readonly string[]
  if (range === null) {
    words = inner.split(',')
  } else {
    const [from = '', to = ''] = range.slice(1)
    const count = Number(to) - Number(from) + 1
    if (count < 1 || count > maxMachines) throw refuse(`{${inner}} is no range of 1 to ${maxMachines} machines`)
    const width = /^0\d/.test(from) ? from.length : 0
    words = Array.from({ length: count }, (_, index) => String(Number(from) + index).padStart(width, '0'))
  }
  const at = match.index
  const names: string[] = []
  for (const word of words) {
    names.push(...expandBraces(pattern.slice(0, at) + word + pattern.slice(at + whole.length), refuse))
    // Before the next one: several ranges multiply.
    if (names.length > maxMachines) throw refuse(`it stands for more than ${maxMachines} machines`)
  }
  return names
}

function refuseOtherKeys(
  value: Readonly<Record<string, unknown>>,
  known: readonly string[],
  refuse: (why: string) => FlotillaError,
): void {
  const other = Object.keys(value).find((key) => !known.includes(key))
  if (other !== undefined) throw refuse(`there is no key "${other}", only ${known.join(', ')}`)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
