import { splitTag } from '../image-name.ts'
import { isFields, readField, readFields, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { hasLabels, isAny } from './list-filter.ts'
import type { ListFilters } from './list-filter.ts'

/** Kinds of things that are found by how their ID or name begins. */
const nouns = ['config', 'container', 'daemon', 'network', 'plugin', 'secret', 'service', 'volume'] as const

/**
 * Whether an event of the cluster fits a subscriber's filters. Values of one key are alternatives, keys add up; IDs and
 * names fit by their beginning, images by the whole name, with its tag or without; other keys are not looked at (moby
 * daemon/events/filter.go).
 */
export function isWantedEvent(event: Fields, filters: ListFilters): boolean {
  if (filters.size === 0) return true
  const actor = readFields(event, 'Actor')
  const attributes = readFields(actor, 'Attributes')
  const type = readText(event, 'Type')
  const action = readText(event, 'Action') || readText(event, 'status')
  const id = readText(actor, 'ID') || readText(event, 'id')
  const name = readText(attributes, 'name')
  const node = readField(event, 'node')
  const nodeName = isFields(node) ? readText(node, 'Name') : ''
  const begins = (value: string): boolean => value !== '' && (id.startsWith(value) || name.startsWith(value))
  // Lists print names with their node.
  const either = (key: string, fits: (value: string) => boolean): boolean =>
    isAny(filters, key, (given) =>
      fits(nodeName !== '' && given.startsWith(`${nodeName}/`) ? given.slice(nodeName.length + 1) : given),
    )
  return (
    isAny(filters, 'type', (value) => value === type) &&
    isAny(filters, 'event', (value) => value === action || action.startsWith(`${value}:`)) &&
    isAny(filters, 'scope', (value) => value === (readText(event, 'scope') || 'local')) &&
    isAny(filters, 'node', (value) => value === nodeName || (type === 'node' && begins(value))) &&
    hasLabels(filters, textsOf(attributes)) &&
    either('image', (value) => isOfImage(type === 'image' ? [id, name] : [readText(attributes, 'image')], value)) &&
    nouns.every((noun) =>
      either(noun, (value) => (type === noun ? begins(value) : readText(attributes, noun) === value)),
    )
  )
}

function textsOf(attributes: Fields): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  for (const [key, value] of Object.entries(attributes)) if (typeof value === 'string') texts.set(key, value)
  return texts
}

const shortIdLength = 12

function isOfImage(names: readonly string[], value: string): boolean {
  const digits = value.replace(/^sha256:/, '')
  return names.some(
    (name) =>
      name !== '' &&
      (name === value ||
        splitTag(name).repository === value ||
        (digits.length >= shortIdLength && name.startsWith(`sha256:${digits}`))),
  )
}
