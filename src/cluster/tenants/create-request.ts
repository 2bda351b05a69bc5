import { FlotillaError } from '../../core/errors.ts'
import type { Directory } from '../directory.ts'
import { toFullReference } from '../image-name.ts'
import { GENERATION_LABEL, SWARM_ID_LABEL, primaryName } from '../model.ts'
import type { ContainerView } from '../model.ts'
import { isFields, noFields, readField, readFields, readList, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { isForeignImageName, looksLikeImageId } from './image-names.ts'
import type { Lens } from './lens.ts'
import { TENANT_LABEL } from './owner.ts'

/** What references of a tenant's requests are looked up in. */
export interface OwnThings {
  readonly lens: Lens
  /** With what the tenant sees, and nothing else. */
  readonly directory: Directory
  /** Whether some node has a volume of that name that the tenant does not see. */
  isVolumeTaken(name: string): boolean
}

/** A create with everything that it names bound to things of the tenant. */
export interface BoundCreate {
  readonly body: Fields
  /** Bodies of calls that make the volumes it names. */
  readonly volumes: readonly Fields[]
}

/**
 * Binds a create to its tenant: it gets the tenant's label, and what it names (images, networks, containers, volumes) is one
 * that the tenant sees, by a name that means nothing else to an engine.
 *
 * @param body with the names of its fields as Docker writes them, and of the right types
 * @throws {cluster/not-found} for what the tenant does not see, whether it exists or not: status 404 for its image, 400 for
 *   the rest
 * @throws {cluster/conflict} status 409 for a new volume whose name is taken
 */
export function bindCreate(own: OwnThings, body: Fields): BoundCreate {
  const given = readFields(body, 'HostConfig')
  const hostConfig: Record<string, unknown> = { ...given }
  for (const key of joinable) {
    const mode = readText(given, key)
    if (mode.startsWith(joined))
      hostConfig[key] = `${joined}${findContainer(own, mode.slice(joined.length), inCreate).id}`
  }
  const mode = bindMode(own, given)
  if (mode !== undefined) hostConfig['NetworkMode'] = mode.reference
  if (readList(given, 'VolumesFrom').length > 0) {
    hostConfig['VolumesFrom'] = mapTexts(given, 'VolumesFrom', (entry) => {
      const [reference = '', ...rest] = entry.split(':')
      return [findContainer(own, reference, inCreate).id, ...rest].join(':')
    })
  }
  // On networks of the tenant's own, links are names that the network itself resolves.
  if (readList(given, 'Links').length > 0 && mode?.isUsers !== true) {
    hostConfig['Links'] = mapTexts(given, 'Links', (entry) => bindLink(own, entry))
  }
  const mounts = readList(given, 'Mounts').map((mount) => (isFields(mount) ? bindMount(own, mount) : mount))
  if (mounts.length > 0) hostConfig['Mounts'] = mounts
  return {
    body: {
      ...body,
      ...(readText(body, 'Image') === '' ? {} : { Image: bindImage(own, readText(body, 'Image')) }),
      HostConfig: hostConfig,
      Labels: ownLabels(own.lens, readFields(body, 'Labels')),
      ...bindNetworking(own, body),
    },
    volumes: listVolumes(own, given, mounts),
  }
}

/** Labels of something that the tenant makes. What decides about others' things is not for tenants to say. */
export function ownLabels(lens: Lens, given: Fields): Fields {
  const labels: Record<string, unknown> = Object.assign(Object.create(null), given)
  delete labels[SWARM_ID_LABEL]
  delete labels[GENERATION_LABEL]
  labels[TENANT_LABEL] = lens.tenant
  return labels
}

const joined = 'container:'
/** What may be that of another container; some of them only in the eyes of some engines. */
const joinable = ['NetworkMode', 'IpcMode', 'PidMode', 'UTSMode', 'UsernsMode', 'CgroupnsMode', 'Cgroup'] as const

/** Of a create: with 404 clients would pull its image. */
const inCreate = 400

/** @throws {cluster/not-found} */
export function findContainer(own: OwnThings, reference: string, status = 404): ContainerView {
  const found = own.directory.findContainer(reference)
  if (found.kind === 'found') return found.item
  throw new FlotillaError('cluster/not-found', `No such container: ${reference}`, { status })
}

function bindLink(own: OwnThings, entry: string): string {
  const [reference = '', alias] = entry.split(':')
  const container = findContainer(own, reference, inCreate)
  return `${container.id}:${alias ?? primaryName(container)}`
}

interface BoundMode {
  readonly reference: string
  /** Not one of the networks that every engine has. */
  readonly isUsers: boolean
}

const builtinModes: ReadonlySet<string> = new Set(['', 'default', 'bridge', 'none', 'nat'])

function bindMode(own: OwnThings, hostConfig: Fields): BoundMode | undefined {
  const mode = readText(hostConfig, 'NetworkMode')
  if (mode.startsWith(joined) || builtinModes.has(mode)) return undefined
  if (mode === 'host' && own.lens.seesHostNetwork) return undefined
  return bindNetwork(own, mode, inCreate)
}

/** @throws {cluster/not-found} */
export function bindNetwork({ directory }: Pick<OwnThings, 'directory'>, reference: string, status = 404): BoundMode {
  const found = directory.findNetwork(reference)
  if (found.kind !== 'found') {
    throw new FlotillaError('cluster/not-found', `network ${reference} not found`, { status })
  }
  const { id, name } = found.item
  const isNamed = reference === name || reference.endsWith(`/${name}`)
  // To an engine, the beginning of an ID may be that of several networks.
  return { reference: isNamed ? reference : id, isUsers: !builtinModes.has(name) && name !== 'host' }
}

function bindNetworking(own: OwnThings, body: Fields): Fields {
  const networking = readFields(body, 'NetworkingConfig')
  const given = Object.entries(readFields(networking, 'EndpointsConfig'))
  if (given.length === 0) return noFields
  const endpoints: Record<string, unknown> = Object.create(null)
  for (const [key, endpoint] of given) {
    const isBuiltin = builtinModes.has(key) || (key === 'host' && own.lens.seesHostNetwork)
    endpoints[isBuiltin ? key : bindNetwork(own, key, inCreate).reference] = isFields(endpoint)
      ? bindEndpoint(endpoint)
      : endpoint
  }
  return { NetworkingConfig: { ...networking, EndpointsConfig: endpoints } }
}

/** Which network it is of is said by its key. */
export function bindEndpoint(endpoint: Fields): Fields {
  const bound: Record<string, unknown> = { ...endpoint }
  delete bound['NetworkID']
  delete bound['EndpointID']
  return bound
}

/**
 * An image by a reference that means the same to every engine.
 * @throws {cluster/not-found} for names of other tenants and IDs that the tenant does not see
 */
export function bindImage(
  { lens, directory }: Pick<OwnThings, 'lens' | 'directory'>,
  reference: string,
  status = 404,
): string {
  const isId = looksLikeImageId(reference)
  const [holder] = directory.imageHolders(reference)
  if (holder === undefined) {
    // What has a name of its own may still be pulled.
    if (!isId && !isForeignImageName(lens, reference)) return reference
    const shown = reference.startsWith('sha256:') ? reference : toFullReference(reference)
    throw new FlotillaError('cluster/not-found', `No such image: ${shown}`, { status })
  }
  return isId && !holder.item.repoTags.includes(toFullReference(reference)) ? holder.item.id : reference
}

function bindMount(own: OwnThings, mount: Fields): Fields {
  const type = readText(mount, 'Type')
  if (type === 'image') return { ...mount, Source: bindImage(own, readText(mount, 'Source'), inCreate) }
  if (type === 'cluster') {
    throw new FlotillaError('cluster/forbidden', "volumes of the engines' own swarm are not open to tenants", {
      status: 403,
    })
  }
  if (type !== 'volume') return mount
  const options = readFields(mount, 'VolumeOptions')
  return { ...mount, VolumeOptions: { ...options, Labels: ownLabels(own.lens, readFields(options, 'Labels')) } }
}

/** Engines make what is missing by themselves, and label nothing: it is made before the container. */
function listVolumes(own: OwnThings, hostConfig: Fields, mounts: readonly unknown[]): readonly Fields[] {
  const wanted = new Map<string, Fields>()
  for (const bind of readList(hostConfig, 'Binds')) {
    if (typeof bind !== 'string') continue
    const [source = '', ...rest] = bind.split(':')
    if (rest.length === 0 || source === '' || /^[./\\~]/.test(source) || isDrive(bind)) continue
    wanted.set(source, { Name: source, Driver: readText(hostConfig, 'VolumeDriver') })
  }
  for (const mount of mounts) {
    if (!isFields(mount) || readText(mount, 'Type') !== 'volume' || readText(mount, 'Source') === '') continue
    const options = readFields(mount, 'VolumeOptions')
    const driver = readFields(options, 'DriverConfig')
    const source = readText(mount, 'Source')
    const body = { Name: source, Driver: readText(driver, 'Name'), DriverOpts: readField(driver, 'Options') ?? {} }
    wanted.set(source, { ...body, Labels: readFields(options, 'Labels') })
  }
  const volumes: Fields[] = []
  for (const [reference, body] of wanted) {
    const [holder] = own.directory.volumeHolders(reference)
    const name = holder?.item.name ?? reference.slice(reference.lastIndexOf('/') + 1)
    if (own.isVolumeTaken(name)) throw volumeTaken(name)
    volumes.push({ ...body, Name: name, Labels: ownLabels(own.lens, readFields(body, 'Labels')) })
  }
  return volumes
}

/** The body that makes one more copy of a volume: all of one name are made alike. @param wanted for the first one */
export function toCopyBody(own: OwnThings, wanted: Fields): Fields {
  const [holder] = own.directory.volumeHolders(readText(wanted, 'Name'))
  if (holder === undefined) return wanted
  const { driver, labels, row } = holder.item
  return {
    Name: holder.item.name,
    Driver: driver,
    DriverOpts: readFields(row, 'Options'),
    Labels: Object.fromEntries(labels),
  }
}

/** `c:\data:/data`, on Windows. */
function isDrive(bind: string): boolean {
  return /^[A-Za-z]:[\\/]/.test(bind)
}

/** Does not say whose it is. */
export function volumeTaken(name: string): FlotillaError {
  return new FlotillaError('cluster/conflict', `volume name ${name} is already in use`, { status: 409 })
}

function mapTexts(fields: Fields, key: string, change: (text: string) => string): readonly unknown[] {
  return readList(fields, key).map((entry) => (typeof entry === 'string' ? change(entry) : entry))
}
