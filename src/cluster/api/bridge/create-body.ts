import { FlotillaError } from '../../../core/errors.ts'
import { isFields, readField, readFields, readList, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { isLostOn, isNewTo, isSame } from './versions.ts'
import type { VersionPair } from './versions.ts'

/** A network that is joined by a call of its own after the create. */
export interface LaterConnect {
  readonly network: string
  readonly endpoint: Fields
}

/** A create as the engine's version says it. */
export interface BridgedCreate {
  readonly body: Fields
  readonly connects: readonly LaterConnect[]
  /** For the reply's `Warnings`. */
  readonly warnings: readonly string[]
}

/**
 * Translates a create body between versions; see `table.ts` for the rules. Numbers and unknown fields stay as they are.
 *
 * @param node for messages
 * @throws {cluster/unsupported-version} status 400 when the engine would silently do something else
 */
export function bridgeCreate(body: Fields, pair: VersionPair, node: string): BridgedCreate {
  if (isSame(pair)) return { body, connects: [], warnings: [] }
  const draft = new Draft(body, pair, node)
  draft.bridgeHealthcheck()
  draft.bridgeHostConfig()
  draft.bridgeMounts()
  draft.bridgeMacAddress()
  const connects = draft.splitNetworks()
  return { body: draft.body, connects, warnings: draft.warnings }
}

class Draft {
  body: Fields
  readonly warnings: string[] = []
  readonly #pair: VersionPair
  readonly #node: string

  constructor(body: Fields, pair: VersionPair, node: string) {
    this.body = body
    this.#pair = pair
    this.#node = node
  }

  bridgeHealthcheck(): void {
    const check = readFields(this.body, 'Healthcheck')
    if (!isLostOn(this.#pair, '1.44') || !isSet(readField(check, 'StartInterval'))) return
    this.body = { ...this.body, Healthcheck: without(check, 'StartInterval') }
    this.#warn('Healthcheck.StartInterval', '1.44')
  }

  bridgeHostConfig(): void {
    const host = this.#host
    if (isLostOn(this.#pair, '1.43') && Object.keys(readFields(host, 'Annotations')).length > 0) {
      this.#setHost(without(host, 'Annotations'))
      this.#warn('HostConfig.Annotations', '1.43')
    }
    // Clients before 1.25 remove the container themselves.
    if (isNewTo(this.#pair, '1.25') && readField(host, 'AutoRemove') === true) {
      this.#setHost({ ...this.#host, AutoRemove: false })
    }
    if (isNewTo(this.#pair, '1.40') && readText(host, 'IpcMode') === '') {
      this.#setHost({ ...this.#host, IpcMode: 'shareable' })
    }
  }

  bridgeMounts(): void {
    const mounts = readList(this.#host, 'Mounts')
    if (mounts.length === 0) return
    const bridged = mounts.map((mount) => (isFields(mount) ? this.#bridgeMount(mount) : mount))
    if (bridged.some((mount, at) => mount !== mounts[at])) this.#setHost({ ...this.#host, Mounts: bridged })
  }

  #bridgeMount(mount: Fields): Fields {
    let bridged = mount
    const type = readText(mount, 'Type')
    if (
      isLostOn(this.#pair, '1.44') &&
      readField(readFields(mount, 'BindOptions'), 'ReadOnlyForceRecursive') === true
    ) {
      throw this.#refusal('BindOptions.ReadOnlyForceRecursive', '1.44')
    }
    if (isLostOn(this.#pair, '1.45') && readText(readFields(mount, 'VolumeOptions'), 'Subpath') !== '') {
      throw this.#refusal('VolumeOptions.Subpath', '1.45')
    }
    if (isLostOn(this.#pair, '1.48') && type === 'image') throw this.#refusal('a mount of type image', '1.48')
    if (isLostOn(this.#pair, '1.46') && isSet(readField(readFields(mount, 'TmpfsOptions'), 'Options'))) {
      bridged = { ...bridged, TmpfsOptions: without(readFields(mount, 'TmpfsOptions'), 'Options') }
      this.#warn('TmpfsOptions.Options', '1.46')
    }
    if (isNewTo(this.#pair, '1.42')) {
      // Options of another type of mount were not looked at before.
      for (const [key, owner] of [
        ['VolumeOptions', 'volume'],
        ['TmpfsOptions', 'tmpfs'],
        ['BindOptions', 'bind'],
      ] as const) {
        if (type !== owner && isSet(readField(bridged, key))) bridged = without(bridged, key)
      }
    }
    if (isNewTo(this.#pair, '1.44') && type === 'bind' && readField(mount, 'ReadOnly') === true) {
      // Mounts below a read-only bind stayed writable, and clients of then count on it.
      bridged = { ...bridged, BindOptions: { ...readFields(bridged, 'BindOptions'), ReadOnlyNonRecursive: true } }
    }
    return bridged
  }

  /** From 1.44 on an endpoint has the hardware address, before that the container has one. */
  bridgeMacAddress(): void {
    const primary = this.#primaryNetwork
    if (isNewTo(this.#pair, '1.44')) {
      const address = readText(this.body, 'MacAddress')
      if (address === '') return
      const endpoint = readFields(this.#endpoints, primary)
      this.body = without(this.body, 'MacAddress')
      if (readText(endpoint, 'MacAddress') !== '') return
      this.#setEndpoints({ ...this.#endpoints, [primary]: { ...endpoint, MacAddress: address } })
      return
    }
    if (!isLostOn(this.#pair, '1.44')) return
    const address = readText(readFields(this.#endpoints, primary), 'MacAddress')
    if (address !== '') this.body = { ...this.body, MacAddress: address }
  }

  /** Before 1.44 a container is created on one network; the others are joined afterwards. */
  splitNetworks(): readonly LaterConnect[] {
    const connects: LaterConnect[] = []
    if (isLostOn(this.#pair, '1.48')) {
      for (const endpoint of Object.values(this.#endpoints)) {
        if (isFields(endpoint) && isSet(readField(endpoint, 'GwPriority'))) this.#warn('GwPriority', '1.48')
      }
    }
    const names = Object.keys(this.#endpoints)
    if (!isLostOn(this.#pair, '1.44') || names.length < 2) return connects
    const primary = this.#primaryNetwork
    const first = names.includes(primary) ? primary : (names[0] ?? primary)
    for (const network of names) {
      if (network === first) continue
      const endpoint = readFields(this.#endpoints, network)
      if (readText(endpoint, 'MacAddress') !== '') this.#warn(`MacAddress on network ${network}`, '1.44')
      connects.push({ network, endpoint })
    }
    this.#setEndpoints({ [first]: readField(this.#endpoints, first) })
    return connects
  }

  get #host(): Fields {
    return readFields(this.body, 'HostConfig')
  }

  #setHost(host: Fields): void {
    this.body = { ...this.body, HostConfig: host }
  }

  get #endpoints(): Fields {
    return readFields(readFields(this.body, 'NetworkingConfig'), 'EndpointsConfig')
  }

  #setEndpoints(endpoints: Fields): void {
    const networking = readFields(this.body, 'NetworkingConfig')
    this.body = { ...this.body, NetworkingConfig: { ...networking, EndpointsConfig: endpoints } }
  }

  /** The network of `--network`, as keys of `EndpointsConfig` name it. */
  get #primaryNetwork(): string {
    const mode = readText(this.#host, 'NetworkMode')
    const isDefault = mode === '' || mode === 'default'
    if (!isDefault) return mode
    return Object.hasOwn(this.#endpoints, 'default') ? 'default' : 'bridge'
  }

  #warn(field: string, version: string): void {
    this.warnings.push(
      `${field} was left out: it needs API version ${version}, and node ${this.#node} speaks ${this.#pair.engine}`,
    )
  }

  #refusal(field: string, version: string): FlotillaError {
    return refuse(field, version, this.#node, this.#pair)
  }
}

/** A field without which the request would mean something else. */
export function refuse(field: string, version: string, node: string, pair: VersionPair): FlotillaError {
  return new FlotillaError(
    'cluster/invalid-option',
    `${field} needs API version ${version}, and node ${node} speaks ${pair.engine}: choose another node, for instance with -e constraint:node!=${node}`,
    { status: 400 },
  )
}

/** What stands for "not given" in Go's JSON. */
function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === 0 || value === '' || value === false) return false
  return !Array.isArray(value) || value.length > 0
}

function without(fields: Fields, key: string): Fields {
  const { [key]: _, ...rest } = fields
  return rest
}
