import { assertNever } from '../errors.ts'
import { GobReader, gobError } from './reader.ts'
import { builtInIds, GobComplex, GobInterface } from './type.ts'
import type { GobType, GobValue } from './type.ts'
import { isStruct, readWireType, wireType } from './wire-type.ts'
import type { RemoteType } from './wire-type.ts'

/** What one sender may make us hold. The defaults are far above what a plug-in sends. */
export interface GobLimits {
  /** Of one message. */
  readonly maxMessageBytes: number
  /** Numbers, texts, structs and lists within one value. */
  readonly maxValues: number
  /** Types that may be defined over the life of a stream. */
  readonly maxTypes: number
}

const defaultLimits: GobLimits = { maxMessageBytes: 16 * 1024 * 1024, maxValues: 500_000, maxTypes: 4096 }
const maxDepth = 100
const maxNameBytes = 4096

/** A decoding under way: it asks for the next message and ends with a value. */
type Decoding<T> = Generator<undefined, T, Uint8Array>

/**
 * Reads the values of one gob stream from bytes that come in pieces.
 *
 * Whatever the bytes are, each call ends, memory is bounded by the limits, and what is wrong is an error after which
 * the decoder must be dropped.
 */
export class GobDecoder {
  readonly #limits: GobLimits
  readonly #types = new Map<number, RemoteType>()
  readonly #wireType: RemoteType
  #pieces: Uint8Array[] = []
  #size = 0
  #reader = new GobReader(new Uint8Array(0))
  #values = 0
  #bytes = 0
  #running: Decoding<GobValue> | undefined

  constructor(limits: Partial<GobLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits }
    for (const [kind, id] of builtInIds) this.#types.set(id, { kind } as RemoteType)
    this.#wireType = this.#look(this.#addOwn(wireType))
  }

  /** Takes more bytes of the stream. */
  push(bytes: Uint8Array): void {
    this.#pieces.push(bytes)
    this.#size += bytes.length
  }

  /**
   * The next value, in an object of its own as nil is a value; undefined when more bytes are needed.
   *
   * @throws {io/protocol} when the bytes are no gob stream, or pass a limit
   */
  next(): { readonly value: GobValue } | undefined {
    for (;;) {
      if (this.#running === undefined) {
        this.#values = 0
        this.#bytes = 0
        this.#running = this.#readTop()
        this.#running.next()
      }
      const message = this.#takeMessage()
      if (message === undefined) return undefined
      const step = this.#running.next(message)
      if (step.done !== true) continue
      this.#running = undefined
      return { value: step.value }
    }
  }

  #takeMessage(): Uint8Array | undefined {
    const head = this.#peek(9)
    const first = head[0]
    if (first === undefined) return undefined
    const prefix = first < 0x80 ? 1 : 257 - first
    if (prefix > 9) throw gobError('a message has no length')
    if (head.length < prefix) return undefined
    const length = new GobReader(head).readCount('a message', this.#limits.maxMessageBytes)
    if (this.#size < prefix + length) return undefined
    this.#bytes += length
    if (this.#bytes > 2 * this.#limits.maxMessageBytes) throw gobError('a value has too many bytes')
    const all = this.#peek(this.#size)
    this.#pieces = [all.subarray(prefix + length)]
    this.#size -= prefix + length
    return all.subarray(prefix, prefix + length)
  }

  /** The first bytes at hand, in one piece. */
  #peek(count: number): Uint8Array {
    const first = this.#pieces[0] ?? new Uint8Array(0)
    if (first.length >= Math.min(count, this.#size)) return first
    const joined = Buffer.concat(this.#pieces, this.#size)
    this.#pieces = [joined]
    return joined
  }

  *#readTop(): Decoding<GobValue> {
    const type = this.#look(yield* this.#readTypes(false))
    const value = yield* this.#readAlone(type, 0)
    if (this.#reader.left > 0) throw gobError('a message goes on after its value')
    return value
  }

  /**
   * Definitions, then the number of the type that the value has. Inside an interface the sender cuts its message after
   * each definition; what follows comes with a byte count of its own, here or in the next message.
   */
  *#readTypes(isInside: boolean): Decoding<number> {
    for (;;) {
      if (this.#reader.left === 0) this.#reader = new GobReader(yield)
      const id = this.#reader.readId()
      if (id > 0) return id
      yield* this.#define(-id)
      if (this.#reader.left === 0) continue
      if (!isInside) throw gobError('a definition goes on after its end')
      this.#reader.readUint()
    }
  }

  *#define(id: number): Decoding<void> {
    if (this.#types.has(id)) throw gobError(`type ${id} is defined twice`)
    if (this.#types.size >= this.#limits.maxTypes) throw gobError('there are too many types')
    const body = yield* this.#read(this.#wireType, 0)
    this.#types.set(id, readWireType(isStruct(body) ? body : {}))
  }

  /** A value that stands by itself: what is not a struct has a zero in front. */
  *#readAlone(type: RemoteType, depth: number): Decoding<GobValue> {
    if (type.kind !== 'struct' && this.#reader.readUint() !== 0) throw gobError('a single value does not start with 0')
    return yield* this.#read(type, depth)
  }

  *#read(type: RemoteType, depth: number): Decoding<GobValue> {
    this.#values += 1
    if (this.#values > this.#limits.maxValues) throw gobError('a value has too many parts')
    if (depth > maxDepth) throw gobError('a value is nested too deeply')
    const reader = this.#reader
    switch (type.kind) {
      case 'bool':
        return reader.readUint() !== 0
      case 'int':
        return reader.readInt()
      case 'uint':
        return reader.readUint()
      case 'float':
        return reader.readFloat()
      case 'complex':
        return new GobComplex(reader.readFloat(), reader.readFloat())
      case 'bytes':
        return Uint8Array.from(reader.readBytes(reader.readCount('a byte string', reader.left)))
      case 'string':
        return Buffer.from(reader.readBytes(reader.readCount('a text', reader.left))).toString('utf8')
      case 'slice':
        return yield* this.#readList(type.element, reader.readCount('a list', this.#limits.maxValues), depth)
      case 'array':
        if (reader.readUint() !== type.length) throw gobError('an array has another length than its type')
        return yield* this.#readList(type.element, type.length, depth)
      case 'map':
        return yield* this.#readMap(type, depth)
      case 'struct':
        return yield* this.#readStruct(type.fields, depth)
      case 'interface':
        return yield* this.#readInterface(depth)
      default:
        return assertNever(type)
    }
  }

  *#readList(element: number, count: number, depth: number): Decoding<GobValue> {
    const type = this.#look(element)
    const items: GobValue[] = []
    // Never made in advance: the count may lie, the bytes cannot.
    for (let index = 0; index < count; index += 1) items.push(yield* this.#read(type, depth + 1))
    return items
  }

  *#readMap(type: RemoteType & { readonly kind: 'map' }, depth: number): Decoding<GobValue> {
    const count = this.#reader.readCount('a map', this.#limits.maxValues)
    const [key, element] = [this.#look(type.key), this.#look(type.element)]
    const map = new Map<GobValue, GobValue>()
    for (let index = 0; index < count; index += 1) {
      const name = yield* this.#read(key, depth + 1)
      map.set(name, yield* this.#read(element, depth + 1))
    }
    return map
  }

  *#readStruct(fields: readonly { readonly name: string; readonly id: number }[], depth: number): Decoding<GobValue> {
    const struct: Record<string, GobValue> = Object.create(null)
    let at = -1
    for (;;) {
      const step = this.#reader.readCount('a step to the next field', fields.length)
      if (step === 0) return struct
      at += step
      const field = fields[at]
      if (field === undefined) throw gobError('a struct has more fields than its type')
      struct[field.name] = yield* this.#read(this.#look(field.id), depth + 1)
    }
  }

  *#readInterface(depth: number): Decoding<GobValue> {
    const nameBytes = this.#reader.readCount('the name of a type', maxNameBytes)
    if (nameBytes === 0) return null
    const name = Buffer.from(this.#reader.readBytes(nameBytes)).toString('utf8')
    const type = this.#look(yield* this.#readTypes(true))
    // The value's byte count, for readers that skip it.
    this.#reader.readUint()
    return new GobInterface(name, yield* this.#readAlone(type, depth + 1))
  }

  #look(id: number): RemoteType {
    const type = this.#types.get(id)
    if (type === undefined) throw gobError(`type ${id} is not defined`)
    return type
  }

  /** Takes in a type of our own under a negative number, which no sender uses. */
  #addOwn(type: GobType): number {
    const known = builtInIds.get(type.kind)
    if (known !== undefined) return known
    const id = -1 - this.#types.size
    if (type.kind === 'struct') {
      this.#types.set(id, { kind: 'struct', fields: [] })
      const fields = type.fields.map((field) => ({ name: field.name, id: this.#addOwn(field.type) }))
      this.#types.set(id, { kind: 'struct', fields })
    } else if (type.kind === 'slice') {
      this.#types.set(id, { kind: 'slice', element: id - 1 })
      this.#types.set(id, { kind: 'slice', element: this.#addOwn(type.element) })
    }
    return id
  }
}
