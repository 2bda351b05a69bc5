import type { Field, Kind, Struct } from './kind.ts'

type Named = Readonly<Record<string, unknown>>

/** What looking for a struct's fields by name takes. */
interface Outline {
  /** Name → place among the fields. */
  readonly places: ReadonlyMap<string, number>
  /** Places of the fields that are printed where nothing is set, too. */
  readonly standing: readonly number[]
}

const outlines = new WeakMap<Struct, Outline>()

/** The fields that `value` has, in the order of the struct: a service has a hundred and sets a handful. */
export function setFields(struct: Struct, value: Named): readonly Field[] {
  return select(struct, value, [])
}

/** The fields that `value` has and those that may be printed without: again in the order of the struct. */
export function printedFields(struct: Struct, value: Named): readonly Field[] {
  return select(struct, value, outlineOf(struct).standing)
}

function select(struct: Struct, value: Named, standing: readonly number[]): readonly Field[] {
  const { places } = outlineOf(struct)
  const chosen = standing.slice()
  for (const name of Object.keys(value)) {
    const place = places.get(name)
    if (place !== undefined && !standing.includes(place)) chosen.push(place)
  }
  chosen.sort(byPlace)
  const fields: Field[] = []
  for (const place of chosen) {
    const field = struct.fields[place]
    if (field !== undefined) fields.push(field)
  }
  return fields
}

function byPlace(left: number, right: number): number {
  return left - right
}

function outlineOf(struct: Struct): Outline {
  const known = outlines.get(struct)
  if (known !== undefined) return known
  const places = new Map<string, number>()
  const standing: number[] = []
  for (const [place, [name, kind, keep]] of struct.fields.entries()) {
    places.set(name, place)
    if (keep === 'always' || kind === 'command' || isInline(kind)) standing.push(place)
  }
  const outline = { places, standing }
  outlines.set(struct, outline)
  return outline
}

/** A Go value and not a pointer. */
export function isInline(kind: Kind): kind is Extract<Kind, { readonly kind: 'struct' }> {
  return typeof kind === 'object' && kind.kind === 'struct' && kind.isInline === true
}
