import type { NodePart } from './filters/filter.ts'
import type { NodeView, PortClaim } from './model.ts'
import type { Expression, ExpressionList, PlacementRequest, Policy } from './placement.ts'

/** Bits of the parts of a node that changed. */
export const allParts = 0b1111

const partBits: Readonly<Record<NodePart, number>> = { identity: 1, health: 2, load: 4, images: 8 }

export function toPartBits(parts: readonly NodePart[] | undefined): number {
  if (parts === undefined) return allParts
  let bits = 0
  for (const part of parts) bits |= partBits[part]
  return bits
}

/** Which parts differ between two versions of a node, by identity. */
export function diffParts(before: NodeView, after: NodeView): number {
  let bits = 0
  if (
    before.labels !== after.labels ||
    before.id !== after.id ||
    before.name !== after.name ||
    before.ip !== after.ip ||
    before.availability !== after.availability ||
    before.osType !== after.osType ||
    before.architecture !== after.architecture ||
    before.serverVersion !== after.serverVersion ||
    before.totalCpus !== after.totalCpus ||
    before.totalMemoryBytes !== after.totalMemoryBytes
  ) {
    bits |= partBits.identity
  }
  if (before.health !== after.health) bits |= partBits.health
  if (before.usage !== after.usage || before.containers !== after.containers || before.pending !== after.pending) {
    bits |= partBits.load
  }
  if (before.images !== after.images || before.volumes !== after.volumes || before.networks !== after.networks) {
    bits |= partBits.images
  }
  return bits
}

type Field = keyof PlacementRequest

const allFields: readonly Field[] = [
  'name',
  'image',
  'nanoCpus',
  'memoryBytes',
  'networkMode',
  'ports',
  'exposed',
  'volumesFrom',
  'links',
  'joins',
  'constraints',
  'affinities',
  'whitelists',
]

/** The fields of a request that the policy looks at. Requests equal in them get equal answers. */
export function listFields(policy: Policy): readonly Field[] {
  const asked = new Set<Field>()
  for (const rule of [...policy.filters, policy.strategy]) {
    for (const field of rule.asks ?? allFields) asked.add(field)
  }
  return allFields.filter((field) => asked.has(field))
}

/** A text that is equal for requests that are equal in `fields`, and only for those. */
export function renderShape(request: PlacementRequest, fields: readonly Field[]): string {
  let text = request.isSoftIgnored ? '~' : '='
  for (const field of fields) text += `\u0001${renderField(request, field)}`
  return text
}

function renderField(request: PlacementRequest, field: Field): string {
  switch (field) {
    case 'name':
    case 'image':
    case 'networkMode':
      return request[field]
    case 'nanoCpus':
    case 'memoryBytes':
      return String(request[field])
    case 'exposed':
    case 'volumesFrom':
    case 'links':
      return request[field].length === 0 ? '' : request[field].join('\u0002')
    case 'ports':
      return request.ports.length === 0 ? '' : request.ports.map(renderClaim).join('\u0002')
    case 'joins':
      return request.joins.length === 0
        ? ''
        : request.joins.map((each) => `${each.flag}\u0003${each.container}`).join('\u0002')
    case 'constraints':
    case 'affinities':
    case 'whitelists':
      return renderList(request[field])
    default:
      return ''
  }
}

function renderClaim(claim: PortClaim): string {
  return `${claim.hostIp}/${String(claim.from)}-${String(claim.to)}/${claim.protocol}/${claim.target}`
}

function renderList(list: ExpressionList): string {
  return list.expressions.length === 0 ? '' : list.expressions.map(renderExact).join('\u0002')
}

function renderExact(expression: Expression): string {
  return `${expression.isSoft ? '~' : ''}${expression.key}${expression.isNegated ? '!=' : '=='}${expression.value}`
}
