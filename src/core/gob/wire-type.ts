import { FlotillaError } from '../errors.ts'
import { gobInt, gobString } from './type.ts'
import type { GobStruct, GobStructType, GobType, GobValue } from './type.ts'

/** A type as the other side describes it: parts are named by number and looked up when a value comes. */
export type RemoteType =
  | { readonly kind: Exclude<GobType['kind'], 'slice' | 'array' | 'map' | 'struct'> }
  | { readonly kind: 'slice'; readonly element: number }
  | { readonly kind: 'array'; readonly element: number; readonly length: number }
  | { readonly kind: 'map'; readonly key: number; readonly element: number }
  | { readonly kind: 'struct'; readonly fields: readonly { readonly name: string; readonly id: number }[] }

const commonType: GobStructType = {
  kind: 'struct',
  name: 'CommonType',
  fields: [
    { name: 'Name', type: gobString },
    { name: 'Id', type: gobInt },
  ],
}
const fieldType: GobStructType = { kind: 'struct', name: 'fieldType', fields: commonType.fields }

function describe(name: string, ...fields: readonly (readonly [string, GobType])[]): GobType {
  const all = [['CommonType', commonType] as const, ...fields]
  return { kind: 'struct', name, fields: all.map(([field, type]) => ({ name: field, type })) }
}

// The last three describe types that encode themselves; their values are bytes.
const ownEncoding = describe('gobEncoderType')

/** The body of a definition: exactly one of its fields is there. */
export const wireType: GobStructType = {
  kind: 'struct',
  name: 'wireType',
  fields: [
    { name: 'ArrayT', type: describe('arrayType', ['Elem', gobInt], ['Len', gobInt]) },
    { name: 'SliceT', type: describe('sliceType', ['Elem', gobInt]) },
    { name: 'StructT', type: describe('structType', ['Field', { kind: 'slice', element: fieldType }]) },
    { name: 'MapT', type: describe('mapType', ['Key', gobInt], ['Elem', gobInt]) },
    { name: 'GobEncoderT', type: ownEncoding },
    { name: 'BinaryMarshalerT', type: ownEncoding },
    { name: 'TextMarshalerT', type: ownEncoding },
  ],
}

/** @throws {io/protocol} when a definition defines nothing we know */
export function readWireType(value: GobStruct): RemoteType {
  const { ArrayT: array, SliceT: slice, StructT: struct, MapT: map } = value
  if (isStruct(array)) return { kind: 'array', element: toId(array['Elem']), length: toId(array['Len']) }
  if (isStruct(slice)) return { kind: 'slice', element: toId(slice['Elem']) }
  if (isStruct(map)) return { kind: 'map', key: toId(map['Key']), element: toId(map['Elem']) }
  if (isStruct(struct)) {
    const list = struct['Field']
    const fields = Array.isArray(list) ? (list as readonly GobValue[]).filter(isStruct) : []
    return { kind: 'struct', fields: fields.map((field) => ({ name: toName(field['Name']), id: toId(field['Id']) })) }
  }
  const isOwn = ['GobEncoderT', 'BinaryMarshalerT', 'TextMarshalerT'].some((name) => isStruct(value[name]))
  if (isOwn) return { kind: 'bytes' }
  throw new FlotillaError('io/protocol', 'gob: a type definition defines nothing')
}

/** The body of a definition of ours. */
export function renderWireType(type: GobType, id: number, idOf: (type: GobType) => number): GobStruct {
  const common = { CommonType: { Name: 'name' in type ? (type.name ?? '') : '', Id: id } }
  switch (type.kind) {
    case 'array':
      return { ArrayT: { ...common, Elem: idOf(type.element), Len: type.length } }
    case 'slice':
      return { SliceT: { ...common, Elem: idOf(type.element) } }
    case 'map':
      return { MapT: { ...common, Key: idOf(type.key), Elem: idOf(type.element) } }
    case 'struct':
      return {
        StructT: { ...common, Field: type.fields.map((field) => ({ Name: field.name, Id: idOf(field.type) })) },
      }
    default:
      throw new FlotillaError('internal', `gob: type ${type.kind} needs no definition`)
  }
}

export function isStruct(value: GobValue | undefined): value is GobStruct {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null
}

function toId(value: GobValue | undefined): number {
  return typeof value === 'number' ? value : 0
}

function toName(value: GobValue | undefined): string {
  return typeof value === 'string' ? value : ''
}
