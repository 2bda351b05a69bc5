import { Buffer } from 'node:buffer'
import { parseExactJson, renderExactJson } from '../../../core/exact-json.ts'
import type { JsonValue } from '../../../core/exact-json.ts'
import { isFields, readField, readFields, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { isNewTo } from './versions.ts'
import type { VersionPair } from './versions.ts'

/** Fields of the default bridge that inspect repeated at the top of `NetworkSettings` until 1.52. */
const repeated = [
  'EndpointID',
  'Gateway',
  'GlobalIPv6Address',
  'GlobalIPv6PrefixLen',
  'IPAddress',
  'IPPrefixLen',
  'IPv6Gateway',
  'MacAddress',
] as const

/** A container as the client's version shows it. */
export function bridgeContainer(container: Fields, pair: VersionPair): Fields {
  let bridged = container
  const settings = readFields(container, 'NetworkSettings')
  const networks = readFields(settings, 'Networks')
  if (isNewTo(pair, '1.52') && !Object.hasOwn(settings, 'IPAddress')) {
    const bridge = readFields(networks, 'bridge')
    const old: Record<string, unknown> = { ...settings }
    for (const key of repeated) old[key] ??= readField(bridge, key) ?? (key.endsWith('Len') ? 0 : '')
    bridged = { ...bridged, NetworkSettings: old }
  }
  const config = readFields(container, 'Config')
  if (isNewTo(pair, '1.44') && readText(config, 'MacAddress') === '') {
    const mode = readText(readFields(container, 'HostConfig'), 'NetworkMode')
    const network = mode === '' || mode === 'default' ? 'bridge' : mode
    const address = readText(readFields(networks, network), 'MacAddress')
    if (address !== '') bridged = { ...bridged, Config: { ...config, MacAddress: address } }
  }
  return bridged
}

/** An image of a list: how many containers use it was not told until 1.51. */
export function bridgeListedImage(image: Fields, pair: VersionPair): Fields {
  const bridged = bridgeImage(image, pair)
  return isNewTo(pair, '1.51') ? { ...bridged, Containers: -1 } : bridged
}

/** An image, from a list or inspected: until 1.44 with its size under two names. */
export function bridgeImage(image: Fields, pair: VersionPair): Fields {
  if (!isNewTo(pair, '1.44') || Object.hasOwn(image, 'VirtualSize')) return image
  return { ...image, VirtualSize: readField(image, 'Size') }
}

/** Translates a JSON object in its bytes; whatever is none passes as it is. */
export function bridgeBytes(body: Buffer, translate: (value: Fields) => Fields): Buffer {
  let value: JsonValue
  try {
    value = parseExactJson(body.toString('utf8'))
  } catch {
    return body
  }
  return isFields(value) ? Buffer.from(`${renderExactJson(translate(value) as JsonValue)}\n`) : body
}
