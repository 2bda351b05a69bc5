import { FlotillaError } from '../../../core/errors.ts'
import type { Service } from '../../model/service.ts'
import type { ObservedNode } from '../observed.ts'

/** One of `deploy.placement.constraints`, read. */
interface Constraint {
  readonly key: string
  readonly isNegated: boolean
  readonly value: string
}

/** Values that mean themselves in an expression of the scheduler, where others would be patterns. */
const plainValue = /^[\w\-:. ]+$/

/**
 * `deploy.placement.constraints` as expressions of a cluster's scheduler. They become environment entries of the create
 * call, which the scheduler takes out again: the container does not see them and the hash does not count them.
 *
 * @throws {compose/plan} naming the service and the constraint that cannot be read
 */
export function toConstraintHints(service: Service): readonly string[] {
  return readConstraints(service).map(({ key, isNegated, value }) => {
    const operator = isNegated ? '!=' : '=='
    return `constraint:${toSchedulerKey(key)}${operator}${value}`
  })
}

/** True when a node meets every constraint. */
export function fits(service: Service, node: ObservedNode): boolean {
  return readConstraints(service).every(({ key, isNegated, value }) => {
    const have = key === 'node.id' || key === 'node.hostname' ? [node.id, node.name] : [readNode(key, node)]
    return have.includes(value) !== isNegated
  })
}

/** Value of a node's property or label; empty when it has none. */
export function readNode(key: string, node: ObservedNode): string {
  switch (key) {
    case 'node.id':
      return node.id
    case 'node.hostname':
      return node.name
    case 'node.role':
      return node.role
    case 'node.platform.os':
      return node.os
    case 'node.platform.arch':
      return node.architecture
    default: {
      const label = /^(?:node|engine)\.labels\.(.+)$/.exec(key)?.[1] ?? ''
      return Object.hasOwn(node.labels, label) ? (node.labels[label] ?? '') : ''
    }
  }
}

function readConstraints(service: Service): readonly Constraint[] {
  return (service.deploy?.placement?.constraints ?? []).map((text) => {
    const match = /^\s*([\w.\-/]+)\s*(==|!=)\s*(.*?)\s*$/.exec(text)
    const [, key = '', operator, value = ''] = match ?? []
    if (!isKey(key) || value === '') throw wrong(service, text, 'it is KEY==VALUE or KEY!=VALUE')
    if (!plainValue.test(value)) throw wrong(service, text, 'a value has letters, digits, blanks and any of -_.:')
    return { key, isNegated: operator === '!=', value }
  })
}

const properties: ReadonlySet<string> = new Set([
  'node.id',
  'node.hostname',
  'node.role',
  'node.platform.os',
  'node.platform.arch',
])

function isKey(key: string): boolean {
  return properties.has(key) || /^(?:node|engine)\.labels\.[\w.\-/]+$/.test(key)
}

/** The scheduler knows labels by their bare names, and a node by name and ID alike. */
function toSchedulerKey(key: string): string {
  if (key === 'node.id' || key === 'node.hostname') return 'node'
  return /^(?:node|engine)\.labels\.(.+)$/.exec(key)?.[1] ?? key
}

function wrong(service: Service, text: string, rule: string): FlotillaError {
  return new FlotillaError(
    'compose/plan',
    `service "${service.name}": invalid placement constraint ${JSON.stringify(text)}: ${rule}`,
    {
      hint: 'keys are node.id, node.hostname, node.role, node.platform.os, node.platform.arch, node.labels.NAME and engine.labels.NAME',
    },
  )
}
