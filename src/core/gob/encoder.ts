import { gobError } from './reader.ts'
import { builtInIds, gobInterface, GobComplex, GobInterface } from './type.ts'
import type { GobType } from './type.ts'
import { renderWireType, wireType } from './wire-type.ts'
import { GobWriter } from './writer.ts'

const firstOwnId = 65

/**
 * Writes values as one gob stream. All types a value needs, those inside interfaces too, are defined in messages of
 * their own before it, so that a value is always one message.
 */
export class GobEncoder {
  readonly #ids = new Map<GobType, number>()

  /**
   * The messages of one value, ready to be sent.
   *
   * @param value as `GobValue` says; plain objects are structs, and an interface needs the type of what it holds
   * @throws {io/protocol} when the value is not of the type
   */
  encode(type: GobType, value: unknown): Uint8Array {
    const out: Uint8Array[] = []
    this.#define(type, out)
    this.#defineInside(type, value, out)
    const body = new GobWriter()
    body.writeInt(this.#idOf(type))
    this.#writeAlone(body, type, value)
    out.push(toMessage(body))
    return Buffer.concat(out)
  }

  #idOf(type: GobType): number {
    const id = builtInIds.get(type.kind) ?? this.#ids.get(type)
    if (id === undefined) throw gobError(`type ${type.kind} has no number`)
    return id
  }

  #define(type: GobType, out: Uint8Array[]): void {
    if (builtInIds.has(type.kind) || this.#ids.has(type)) return
    const id = firstOwnId + this.#ids.size
    this.#ids.set(type, id)
    const parts = type.kind === 'struct' ? type.fields.map((field) => field.type) : partsOf(type)
    // The parts have their numbers before the whole is described; a sender may define them in any order.
    const after: Uint8Array[] = []
    for (const part of parts) this.#define(part, after)
    const body = new GobWriter()
    body.writeInt(-id)
    this.#write(
      body,
      wireType,
      renderWireType(type, id, (part) => this.#idOf(part)),
    )
    out.push(toMessage(body), ...after)
  }

  /** Defines the types of what interfaces within the value hold. */
  #defineInside(type: GobType, value: unknown, out: Uint8Array[]): void {
    if (!holdsInterface(type)) return
    if (value instanceof GobInterface) {
      if (value.type === undefined) throw gobError(`the value of an interface has no type: ${value.typeName}`)
      this.#define(value.type, out)
      this.#defineInside(value.type, value.value, out)
    } else if (type.kind === 'struct') {
      for (const field of type.fields) this.#defineInside(field.type, readField(value, field.name), out)
    } else if (type.kind === 'slice' || type.kind === 'array') {
      for (const item of toList(value)) this.#defineInside(type.element, item, out)
    } else if (type.kind === 'map') {
      for (const [key, item] of toMap(value)) {
        this.#defineInside(type.key, key, out)
        this.#defineInside(type.element, item, out)
      }
    }
  }

  #writeAlone(writer: GobWriter, type: GobType, value: unknown): void {
    if (type.kind !== 'struct') writer.writeUint(0)
    this.#write(writer, type, value)
  }

  #write(writer: GobWriter, type: GobType, value: unknown): void {
    switch (type.kind) {
      case 'bool':
        writer.writeUint(value === true ? 1 : 0)
        return
      case 'int':
        writer.writeInt(toInteger(value))
        return
      case 'uint':
        writer.writeUint(toInteger(value))
        return
      case 'float':
        writer.writeFloat(Number(value))
        return
      case 'complex':
        if (!(value instanceof GobComplex)) throw gobError('expected a complex number')
        writer.writeFloat(value.re)
        writer.writeFloat(value.im)
        return
      case 'bytes':
        if (!(value instanceof Uint8Array)) throw gobError('expected bytes')
        writer.writeCounted(value)
        return
      case 'string':
        if (typeof value !== 'string') throw gobError('expected a text')
        writer.writeText(value)
        return
      case 'slice':
      case 'array': {
        const items = toList(value)
        writer.writeUint(items.length)
        for (const item of items) this.#write(writer, type.element, item)
        return
      }
      case 'map': {
        const map = toMap(value)
        writer.writeUint(map.size)
        for (const [key, item] of map) {
          this.#write(writer, type.key, key)
          this.#write(writer, type.element, item)
        }
        return
      }
      case 'struct':
        this.#writeStruct(writer, type, value)
        return
      case 'interface':
        this.#writeInterface(writer, value)
    }
  }

  #writeStruct(writer: GobWriter, type: GobType & { readonly kind: 'struct' }, value: unknown): void {
    let last = -1
    for (const [at, field] of type.fields.entries()) {
      const part = readField(value, field.name)
      if (isZero(part)) continue
      writer.writeUint(at - last)
      this.#write(writer, field.type, part)
      last = at
    }
    writer.writeUint(0)
  }

  #writeInterface(writer: GobWriter, value: unknown): void {
    if (value === null || value === undefined) {
      writer.writeUint(0)
      return
    }
    if (!(value instanceof GobInterface) || value.type === undefined) throw gobError('expected an interface')
    writer.writeText(value.typeName)
    writer.writeInt(this.#idOf(value.type))
    const body = new GobWriter()
    this.#writeAlone(body, value.type, value.value)
    writer.writeCounted(body.toBytes())
  }
}

function toMessage(body: GobWriter): Uint8Array {
  const message = new GobWriter()
  message.writeCounted(body.toBytes())
  return message.toBytes()
}

function partsOf(type: GobType): readonly GobType[] {
  if (type.kind === 'map') return [type.key, type.element]
  return type.kind === 'slice' || type.kind === 'array' ? [type.element] : []
}

function holdsInterface(type: GobType, seen: ReadonlySet<GobType> = new Set()): boolean {
  if (type === gobInterface || type.kind === 'interface') return true
  if (seen.has(type)) return false
  const parts = type.kind === 'struct' ? type.fields.map((field) => field.type) : partsOf(type)
  const inside = new Set(seen).add(type)
  return parts.some((part) => holdsInterface(part, inside))
}

function readField(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) throw gobError('expected a struct')
  return Reflect.get(value, name)
}

function toInteger(value: unknown): number | bigint {
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) return value
  throw gobError('expected an integer')
}

function toList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[]
  throw gobError('expected a list')
}

function toMap(value: unknown): ReadonlyMap<unknown, unknown> {
  if (value instanceof Map) return value
  throw gobError('expected a map')
}

/** Zero fields are not sent. A nested struct always is, as Go does it. */
function isZero(value: unknown): boolean {
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length === 0
  return value === undefined || value === null || value === false || value === 0 || value === 0n || value === ''
}
