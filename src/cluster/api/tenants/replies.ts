import { Buffer } from 'node:buffer'
import { parseExactJson, renderExactJson } from '../../../core/exact-json.ts'
import type { JsonValue } from '../../../core/exact-json.ts'
import type { Directory } from '../../directory.ts'
import { isForeignImageName } from '../../tenants/image-names.ts'
import type { Lens } from '../../tenants/lens.ts'
import { isFields, readField, readFields } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import type { ReplyChange } from '../http1/exchange.ts'

/** Changes the JSON of successful replies; what is no JSON object or list passes as it is. */
export function changeJson(change: (value: Fields) => Fields): ReplyChange {
  return (status, body) => {
    if (status >= 300) return body
    const value: unknown = parseExactJson(body.toString('utf8'))
    const changed = Array.isArray(value)
      ? value.map((each: unknown) => (isFields(each) ? change(each) : each))
      : isFields(value)
        ? change(value)
        : value
    return Buffer.from(`${renderExactJson(changed as JsonValue)}\n`)
  }
}

/** A network without containers that the tenant does not see; what other nodes have on it is told by no reply. */
export function narrowNetwork(network: Fields, directory: Directory): Fields {
  const narrowed: Record<string, unknown> = { ...network }
  for (const key of ['Services', 'Peers']) delete narrowed[key]
  const containers = Object.entries(readFields(network, 'Containers'))
  narrowed['Containers'] = Object.fromEntries(
    containers.filter(([id]) => directory.findContainerById(id).kind !== 'missing'),
  )
  return narrowed
}

/** An image, or a row of its history, without names of other tenants. */
export function narrowImageNames(image: Fields, lens: Lens): Fields {
  const narrowed: Record<string, unknown> = { ...image }
  for (const key of ['RepoTags', 'RepoDigests', 'Tags']) {
    const names = readField(image, key)
    if (!Array.isArray(names)) continue
    const texts: readonly unknown[] = names
    narrowed[key] = texts.filter((name) => typeof name !== 'string' || !isForeignImageName(lens, name))
  }
  return narrowed
}
