import { assertNever } from '../../../core/errors.ts'
import { renderDurationNs } from '../../../core/duration.ts'
import type { Field, Kind, ScalarKind, Struct } from '../field/kind.ts'
import { isInline, printedFields } from '../field/select.ts'
import { NumberText, float32Text, jsonOrder, toOut, yamlOrder } from './out.ts'
import type { NameOrder, Out, OutMap } from './out.ts'

/** Which of the reference program's two encoders is followed. */
export type Format = 'json' | 'yaml'

type Fields = Readonly<Record<string, unknown>>

/**
 * A part of the model with its fields in the reference program's order, empty ones left out as its encoders
 * do. JSON never shows `x-` keys of structs.
 */
export function renderStruct(struct: Struct, value: Fields, format: Format): OutMap {
  const made = new Map<string, Out>()
  for (const field of printedFields(struct, value)) {
    const out = renderField(field, value[field[0]], format)
    if (out !== undefined) made.set(nameOf(struct, field, format), out)
  }
  if (struct.isExtensible && format === 'yaml') {
    const names = Object.keys(value).filter((name) => name.startsWith('x-'))
    for (const name of names.sort(yamlOrder)) made.set(name, toOut(value[name], yamlOrder))
  }
  return made
}

function nameOf(struct: Struct, [name]: Field, format: Format): string {
  const isCapital = struct.isCapitalized === true && format === 'json'
  return isCapital ? name.slice(0, 1).toUpperCase() + name.slice(1) : name
}

function renderField([, kind, keep]: Field, value: unknown, format: Format): Out | undefined {
  if (keep === 'always') return render(kind, value ?? zeroOf(kind), format)
  if (kind === 'command') return renderCommand(value, format)
  if (isInline(kind)) {
    const out = renderStruct(kind.struct, (value ?? {}) as Fields, format)
    return format === 'json' || out.size > 0 ? out : undefined
  }
  if (value === undefined || isEmpty(kind, value)) return undefined
  return render(kind, value, format)
}

/** Empty and unset mean different things here: an empty list is always printed, JSON says null for unset. */
function renderCommand(value: unknown, format: Format): Out | undefined {
  if (value === undefined) return format === 'json' ? null : undefined
  return render('command', value, format)
}

function zeroOf(kind: Kind): unknown {
  if (kind === 'flag') return false
  return kind === 'whole' || kind === 'uint16' || kind === 'bytes' ? 0 : ''
}

function isEmpty(kind: Kind, value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  if (typeof kind === 'string' && (kind.startsWith('maybe-') || kind === 'mode') && kind !== 'maybe-pairs') return false
  if (typeof kind === 'object' && kind.kind === 'struct') return false
  if (typeof value === 'object' && value !== null) return kind !== 'ulimit' && Object.keys(value).length === 0
  return value === '' || value === 0 || value === false
}

function render(kind: Kind, value: unknown, format: Format): Out {
  if (typeof kind === 'string') return renderScalar(kind, value, format)
  switch (kind.kind) {
    case 'struct':
      return renderStruct(kind.struct, value as Fields, format)
    case 'list':
      return (value as readonly unknown[]).map((entry) => render(kind.of, entry, format))
    case 'map':
      return renderMap(kind.of, value as Fields, format)
    default:
      return assertNever(kind)
  }
}

function renderMap(of: Kind, value: Fields, format: Format): Out {
  const names = Object.keys(value).sort(orderOf(format))
  return new Map(names.map((name) => [name, value[name] === null ? null : render(of, value[name], format)]))
}

function orderOf(format: Format): NameOrder {
  return format === 'json' ? jsonOrder : yamlOrder
}

function renderScalar(kind: ScalarKind, value: unknown, format: Format): Out {
  switch (kind) {
    case 'bytes':
    case 'bytes-or-none':
      return `${value as number}`
    case 'fraction':
      return new NumberText(float32Text(value as number))
    case 'duration':
    case 'maybe-duration':
      return renderDurationNs(BigInt(value as number))
    case 'mode':
      return `0${(value as number).toString(8)}`
    case 'hosts':
      return renderHosts(value as Readonly<Record<string, readonly string[]>>)
    case 'ulimit':
      return renderUlimit(value as Fields, format)
    case 'ssh':
      return (value as readonly { id: string; path?: string }[]).map(({ id, path }) =>
        path === undefined || path === '' ? id : `${id}: ${path}`,
      )
    case 'env-file':
      return renderEnvFile(value as Fields, format)
    case 'text':
    case 'flag':
    case 'maybe-flag':
    case 'whole':
    case 'maybe-whole':
    case 'uint16':
    case 'uint32':
    case 'port':
    case 'uint64':
    case 'maybe-uint64':
    case 'texts':
    case 'command':
    case 'test':
    case 'pairs':
    case 'labels':
    case 'maybe-pairs':
    case 'options':
    case 'text-options':
    case 'many-options':
    case 'count':
      return toOut(value, orderOf(format))
    default:
      return assertNever(kind)
  }
}

function renderHosts(hosts: Readonly<Record<string, readonly string[]>>): Out {
  return Object.entries(hosts)
    .flatMap(([host, addresses]) => addresses.map((address) => `${host}=${address}`))
    .sort(jsonOrder)
}

function renderUlimit(value: Fields, format: Format): Out {
  const single = value['single']
  if (typeof single === 'number' && single !== 0) return single
  const limits = ['soft', 'hard'].map((name) => [name, Number(value[name] ?? 0)] as const)
  return new Map(format === 'json' ? limits.filter(([, limit]) => limit !== 0) : limits)
}

function renderEnvFile(value: Fields, format: Format): Out {
  const path = String(value['path'])
  if (value['required'] === true) return path
  const made = new Map<string, Out>([
    ['path', path],
    ['required', false],
  ])
  if (format === 'json' && typeof value['format'] === 'string') made.set('format', value['format'])
  return made
}
