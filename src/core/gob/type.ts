/** A gob type as data. Two types of one shape are one type only when they are the same object. */
export type GobType =
  | { readonly kind: 'bool' | 'int' | 'uint' | 'float' | 'bytes' | 'string' | 'complex' | 'interface' }
  | { readonly kind: 'slice'; readonly name?: string; readonly element: GobType }
  | { readonly kind: 'array'; readonly name?: string; readonly element: GobType; readonly length: number }
  | { readonly kind: 'map'; readonly name?: string; readonly key: GobType; readonly element: GobType }
  | GobStructType

/** A struct; field names start with a capital letter, as Go sends no others. */
export interface GobStructType {
  readonly kind: 'struct'
  readonly name: string
  readonly fields: readonly GobField[]
}

export interface GobField {
  readonly name: string
  readonly type: GobType
}

/**
 * A value as it is decoded:
 * - integers are numbers, `bigint` beyond 2^53; bytes are `Uint8Array`
 * - a struct is an object without prototype that holds the fields that were sent; a zero field is not sent
 * - a map is a `Map`; an interface is a `GobInterface`, or null for Go's nil
 */
export type GobValue =
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | GobComplex
  | GobInterface
  | null
  | readonly GobValue[]
  | ReadonlyMap<GobValue, GobValue>
  | GobStruct

export interface GobStruct {
  readonly [field: string]: GobValue | undefined
}

export class GobComplex {
  readonly re: number
  readonly im: number

  constructor(re: number, im: number) {
    this.re = re
    this.im = im
  }
}

/** What an interface holds: the name its type is registered under on the Go side, and the value. */
export class GobInterface {
  readonly typeName: string
  readonly value: GobValue
  /** Needed to encode; absent on decoded ones. */
  readonly type: GobType | undefined

  constructor(typeName: string, value: GobValue, type?: GobType) {
    this.typeName = typeName
    this.value = value
    this.type = type
  }
}

export const gobBool: GobType = { kind: 'bool' }
export const gobInt: GobType = { kind: 'int' }
export const gobUint: GobType = { kind: 'uint' }
export const gobFloat: GobType = { kind: 'float' }
export const gobBytes: GobType = { kind: 'bytes' }
export const gobString: GobType = { kind: 'string' }
export const gobComplex: GobType = { kind: 'complex' }
export const gobInterface: GobType = { kind: 'interface' }

/** Types that need no definition, by the number every gob stream gives them. */
export const builtInIds: ReadonlyMap<GobType['kind'], number> = new Map([
  ['bool', 1],
  ['int', 2],
  ['uint', 3],
  ['float', 4],
  ['bytes', 5],
  ['string', 6],
  ['complex', 7],
  ['interface', 8],
])
