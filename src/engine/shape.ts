/**
 * What an answer of an engine has to look like where it is read. Members that are not named are not looked at, so that
 * an engine may say more than is known here.
 */
export type Shape =
  | 'text'
  | 'number'
  | 'truth'
  | { readonly listOf: Shape }
  | { readonly mapOf: Shape }
  /** `must` are there; `may` are missing, null, or as they say. */
  | { readonly must?: Readonly<Record<string, Shape>>; readonly may?: Readonly<Record<string, Shape>> }

/**
 * Where a value is not of a shape, and what is there instead: `[0].Id is a number, not a text`.
 *
 * @returns nothing when it is
 */
export function findMisfit(value: unknown, shape: Shape, place = ''): string | undefined {
  const wanted = nameOf(shape)
  const found = kindOf(value)
  if (found !== wanted) return `${place === '' ? 'it' : place} is ${found}, not ${wanted}`
  if (typeof shape === 'string') return undefined
  if ('listOf' in shape) {
    for (const [index, entry] of (value as readonly unknown[]).entries()) {
      const misfit = findMisfit(entry, shape.listOf, `${place}[${index}]`)
      if (misfit !== undefined) return misfit
    }
    return undefined
  }
  const fields = value as Readonly<Record<string, unknown>>
  return 'mapOf' in shape ? findInMap(fields, shape.mapOf, place) : findInFields(fields, shape, place)
}

function findInMap(fields: Readonly<Record<string, unknown>>, of: Shape, place: string): string | undefined {
  for (const name of Object.keys(fields)) {
    const misfit = findMisfit(fields[name], of, `${place}[${JSON.stringify(name)}]`)
    if (misfit !== undefined) return misfit
  }
  return undefined
}

function findInFields(
  fields: Readonly<Record<string, unknown>>,
  { must = {}, may = {} }: Extract<Shape, { readonly may?: unknown }>,
  place: string,
): string | undefined {
  const read = (name: string): unknown => (Object.hasOwn(fields, name) ? fields[name] : undefined)
  for (const [name, wanted] of Object.entries(must)) {
    const misfit = findMisfit(read(name), wanted, join(place, name))
    if (misfit !== undefined) return misfit
  }
  for (const [name, wanted] of Object.entries(may)) {
    const field = read(name)
    if (field === undefined || field === null) continue
    const misfit = findMisfit(field, wanted, join(place, name))
    if (misfit !== undefined) return misfit
  }
  return undefined
}

function join(place: string, name: string): string {
  return place === '' ? name : `${place}.${name}`
}

function nameOf(shape: Shape): string {
  if (typeof shape === 'string') return shape === 'truth' ? 'true or false' : `a ${shape}`
  return 'listOf' in shape ? 'a list' : 'an object'
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  switch (typeof value) {
    case 'string':
      return 'a text'
    case 'number':
      return 'a number'
    case 'boolean':
      return 'true or false'
    default:
      return 'an object'
  }
}
