import { renderExpression } from './expression.ts'
import type { Filter, NodePart } from './filters/filter.ts'
import { noGpus, renderGpuAsk } from './gpus.ts'
import type { NodeUsage, NodeView, PortClaim } from './model.ts'
import type { Expression, ExpressionList, PlacementRequest } from './placement.ts'
import { renderPlatform } from './platform.ts'
import type { Strategy } from './strategies/strategy.ts'

/** Bits of the parts of a node that changed. */
export const allParts = 0b11111
/** A slot and the parts of its node that changed, in one number: the slot is in the bits from here on. */
export const slotShift = 5

// Ports are part of the load that changes more rarely than the rest of it.
const partBits: Readonly<Record<NodePart, number>> = { identity: 1, health: 2, ports: 4, load: 4 | 8, images: 16 }
const exceptPorts = 8

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
    before.swarmRole !== after.swarmRole ||
    before.serverVersion !== after.serverVersion ||
    before.totalCpus !== after.totalCpus ||
    before.totalMemoryBytes !== after.totalMemoryBytes ||
    before.gpus !== after.gpus
  ) {
    bits |= partBits.identity
  }
  if (before.health !== after.health) bits |= partBits.health
  if (before.usage !== after.usage || before.containers !== after.containers || before.pending !== after.pending) {
    bits |= exceptPorts
    if (!isSamePorts(before.usage, after.usage)) bits |= partBits.ports
  }
  if (before.images !== after.images || before.volumes !== after.volumes || before.networks !== after.networks) {
    bits |= partBits.images
  }
  return bits
}

function isSamePorts(a: NodeUsage, b: NodeUsage): boolean {
  return a.hostPorts === b.hostPorts && a.portRanges === b.portRanges && a.hostModePorts === b.hostModePorts
}

/** A field of a request that rules look at. */
export type ShapeField = keyof PlacementRequest

const allFields: readonly ShapeField[] = [
  'name',
  'image',
  'nanoCpus',
  'memoryBytes',
  'gpus',
  'platform',
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

/** The fields of a request that any of these filters and strategies looks at. Requests equal in them get equal answers. */
export function listFields(rules: readonly (Filter | Strategy)[]): readonly ShapeField[] {
  const asked = new Set<ShapeField>()
  for (const rule of rules) for (const field of rule.asks ?? allFields) asked.add(field)
  return allFields.filter((field) => asked.has(field))
}

/** A text that is equal for requests that are equal in `fields`, and only for those. */
export function renderShape(request: PlacementRequest, fields: readonly ShapeField[]): string {
  let text = request.isSoftIgnored ? '~' : '='
  for (const field of fields) text += renderField(request, field)
  return text
}

/** Nothing for what is not asked for. A letter says which field it is; every text goes with its length. */
function renderField(request: PlacementRequest, field: ShapeField): string {
  switch (field) {
    case 'name':
      return request.name === '' ? '' : `n${renderText(request.name)}`
    case 'image':
      return request.image === '' ? '' : `i${renderText(request.image)}`
    case 'networkMode':
      return request.networkMode === '' ? '' : `w${renderText(request.networkMode)}`
    case 'nanoCpus':
      return request.nanoCpus === 0 ? '' : `c${String(request.nanoCpus)}`
    case 'memoryBytes':
      return request.memoryBytes === 0 ? '' : `m${String(request.memoryBytes)}`
    case 'gpus':
      return request.gpus === noGpus ? '' : `g${renderText(renderGpuAsk(request.gpus))}`
    case 'platform':
      return request.platform === undefined ? '' : `o${renderText(renderPlatform(request.platform))}`
    case 'exposed':
    case 'volumesFrom':
    case 'links':
      return renderTexts(field, request[field])
    case 'ports':
      return renderEach('p', request.ports, renderClaim)
    case 'joins':
      return renderEach('j', request.joins, (each) => renderText(each.flag) + renderText(each.container))
    case 'constraints':
      return renderExpressions('k', request.constraints)
    case 'affinities':
      return renderExpressions('a', request.affinities)
    case 'whitelists':
      return renderExpressions('h', request.whitelists)
    default:
      return ''
  }
}

const listLetters = { exposed: 'e', volumesFrom: 'v', links: 'l' } as const

function renderTexts(field: keyof typeof listLetters, texts: readonly string[]): string {
  return renderEach(listLetters[field], texts, renderText)
}

function renderEach<T>(letter: string, items: readonly T[], render: (item: T) => string): string {
  if (items.length === 0) return ''
  let text = ''
  for (const item of items) text += letter + render(item)
  return text
}

function renderText(text: string): string {
  return `${String(text.length)}:${text}`
}

function renderClaim(claim: PortClaim): string {
  return renderText(`${claim.hostIp}/${String(claim.from)}-${String(claim.to)}/${claim.protocol}/${claim.target}`)
}

function renderExact(expression: Expression): string {
  const text = renderExpression(expression)
  return renderText(expression.isSoft ? `~${text}` : text)
}

function renderExpressions(letter: string, list: ExpressionList): string {
  return renderEach(letter, list.expressions, renderExact)
}
