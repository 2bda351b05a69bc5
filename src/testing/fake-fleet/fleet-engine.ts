import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { digest, renderInspect, renderRow } from './fleet-text.ts'
import type { FleetContainer } from './fleet-text.ts'

/** What an engine says to one request. */
export interface FleetReply {
  readonly status: number
  readonly body: string
}

/** The name and number of an engine of a fleet, and the containers it starts with. */
export interface FleetEngineOptions {
  readonly index: number
  readonly containers: number
}

const bridgeId = digest('bridge')

/** As moby's daemon/events. */
const keptEvents = 256

/** One engine of a fleet: its state, and what it answers. As little work per request as can be. */
export class FleetEngine {
  readonly id: string
  readonly name: string
  readonly containers: Map<string, FleetContainer> = new Map()
  /** Requests by `METHOD /path` with IDs taken out. */
  readonly requests: Map<string, number> = new Map()
  /** Subscribers of `/events`. */
  readonly listeners: Set<Socket> = new Set()
  /** The last events, as lines. */
  readonly past: string[] = []
  readonly #names = new Map<string, string>()
  #list: string | undefined
  #made = 0

  constructor({ index, containers }: FleetEngineOptions) {
    this.name = `node${String(index).padStart(5, '0')}`
    this.id = `FLEET:${digest(this.name).slice(0, 20).toUpperCase()}`
    for (let at = 0; at < containers; at += 1) {
      this.#add({
        id: digest(`${this.name}/${at}`),
        name: `app-${index}-${at}`,
        image: 'fleet/app:latest',
        labels: {
          'com.docker.compose.project': `app-${index}`,
          'com.docker.compose.service': `service-${at}`,
          'com.docker.compose.container-number': '1',
        },
        memoryBytes: 64 * 1024 * 1024,
        nanoCpus: 0,
        createdSeconds: 1_700_000_000 + ((index * 7919 + at * 104_729) % 10_000_000),
        state: 'running',
      })
    }
  }

  /** Answers a request; an event stream is told apart by the server. */
  answer(method: string, path: string, query: string, body: string): FleetReply {
    if (method === 'GET') return this.#read(path, query)
    if (path === '/containers/create') return this.#create(query, body)
    const [, kind, reference = '', action = ''] = path.split('/')
    const container = kind === 'containers' ? this.#find(reference) : undefined
    if (container === undefined) return notFound(reference)
    if (method === 'DELETE') return this.#remove(container)
    if (action === 'start') return this.#start(container)
    if (action === 'kill') return this.#kill(container)
    return { status: 404, body: '{"message":"page not found"}' }
  }

  /** Tells every subscriber of something that happened to a container. */
  tell(action: string, container: FleetContainer): void {
    const attributes = `{"image":"${container.image}","name":"${container.name}"}`
    const head = `{"status":"${action}","id":"${container.id}","from":"${container.image}"`
    this.#send(
      `${head},"Type":"container","Action":"${action}","Actor":{"ID":"${container.id}","Attributes":${attributes}}`,
    )
  }

  #read(path: string, query: string): FleetReply {
    switch (path) {
      case '/info':
        return ok(this.#renderInfo())
      case '/version':
        return ok('{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64"}')
      case '/containers/json':
        return ok(this.#renderList(query))
      case '/images/json':
        return ok(imageList)
      case '/networks':
        return ok(`[${network('bridge')},${network('host')},${network('none')}]`)
      case '/volumes':
        return ok('{"Volumes":[],"Warnings":null}')
      default:
    }
    const [, kind, reference = ''] = path.split('/')
    if (kind === 'networks') return ok(network('bridge'))
    const container = this.#find(reference)
    return container === undefined ? notFound(reference) : ok(renderInspect(container, bridgeId))
  }

  #renderInfo(): string {
    return JSON.stringify({
      ID: this.id,
      Name: this.name,
      NCPU: 16,
      MemTotal: 64 * 1024 ** 3,
      Driver: 'overlay2',
      OSType: 'linux',
      Architecture: 'x86_64',
      KernelVersion: '6.1.0-13-amd64',
      OperatingSystem: 'Debian GNU/Linux 12 (bookworm)',
      ServerVersion: '20.10.24',
      SystemTime: new Date().toISOString(),
      Labels: ['zone=a', 'disk=ssd'],
      Swarm: { LocalNodeState: 'inactive', ControlAvailable: false },
    })
  }

  #renderList(query: string): string {
    const wanted = /%22id%22%3A%5B(?:%22([0-9a-f]+)%22)/i.exec(query)?.[1]
    if (wanted !== undefined) {
      const container = this.containers.get(wanted)
      return container === undefined ? '[]' : `[${rowOf(container)}]`
    }
    this.#list ??= `[${[...this.containers.values()].map(rowOf).join(',')}]`
    return this.#list
  }

  #create(query: string, body: string): FleetReply {
    const name = new URLSearchParams(query).get('name') ?? `made-${this.name}-${this.#made}`
    if (this.#names.has(name)) return { status: 409, body: `{"message":"Conflict. The name ${name} is in use"}` }
    const { Image, Labels, HostConfig } = JSON.parse(body) as {
      readonly Image: string
      readonly Labels?: Record<string, string>
      readonly HostConfig?: { readonly Memory?: number; readonly NanoCpus?: number }
    }
    this.#made += 1
    const container: FleetContainer = {
      id: digest(`${this.name}+${this.#made}`),
      name,
      image: Image,
      labels: Labels ?? {},
      memoryBytes: HostConfig?.Memory ?? 0,
      nanoCpus: HostConfig?.NanoCpus ?? 0,
      createdSeconds: Math.trunc(Date.now() / 1000),
      state: 'created',
    }
    this.#add(container)
    this.tell('create', container)
    return { status: 201, body: `{"Id":"${container.id}","Warnings":[]}` }
  }

  #start(container: FleetContainer): FleetReply {
    if (container.state === 'running') return { status: 304, body: '' }
    container.state = 'running'
    this.#touch(container)
    this.#tellNetwork('connect', container)
    this.tell('start', container)
    return { status: 204, body: '' }
  }

  #kill(container: FleetContainer): FleetReply {
    if (container.state !== 'running') {
      return { status: 409, body: `{"message":"Container ${container.id} is not running"}` }
    }
    container.state = 'exited'
    this.#touch(container)
    this.#tellEnd(container)
    return { status: 204, body: '' }
  }

  #remove(container: FleetContainer): FleetReply {
    this.containers.delete(container.id)
    this.#names.delete(container.name)
    this.#list = undefined
    if (container.state === 'running') this.#tellEnd(container)
    this.tell('destroy', container)
    return { status: 204, body: '' }
  }

  #tellEnd(container: FleetContainer): void {
    this.tell('kill', container)
    this.tell('die', container)
    this.#tellNetwork('disconnect', container)
  }

  #tellNetwork(action: string, { id }: FleetContainer): void {
    const attributes = `{"container":"${id}","name":"bridge","type":"bridge"}`
    this.#send(`{"Type":"network","Action":"${action}","Actor":{"ID":"${bridgeId}","Attributes":${attributes}}`)
  }

  #send(head: string): void {
    const nowMs = Date.now()
    const text = `${head},"scope":"local","time":${Math.trunc(nowMs / 1000)},"timeNano":${nowMs}000000}\n`
    this.past.push(text)
    if (this.past.length > keptEvents) this.past.shift()
    if (this.listeners.size === 0) return
    const chunk = `${text.length.toString(16)}\r\n${text}\r\n`
    for (const socket of this.listeners) socket.write(chunk, 'latin1')
  }

  #add(container: FleetContainer): void {
    this.containers.set(container.id, container)
    this.#names.set(container.name, container.id)
    this.#list = undefined
  }

  #touch(container: FleetContainer): void {
    delete container.row
    this.#list = undefined
  }

  #find(reference: string): FleetContainer | undefined {
    return this.containers.get(reference) ?? this.containers.get(this.#names.get(reference) ?? '')
  }
}

const imageList = JSON.stringify([
  {
    Id: `sha256:${digest('image')}`,
    RepoTags: ['fleet/app:latest'],
    RepoDigests: [],
    Created: 1_700_000_000,
    Size: 1e6,
    VirtualSize: 1e6,
    SharedSize: -1,
    Containers: -1,
    ParentId: '',
    Labels: null,
  },
])

function network(name: string): string {
  return JSON.stringify({
    Name: name,
    Id: name === 'bridge' ? bridgeId : digest(name),
    Created: '2026-01-01T00:00:00Z',
    Scope: 'local',
    Driver: name === 'none' ? 'null' : name,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: null, Config: [{ Subnet: '172.17.0.0/16' }] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: {},
    Options: {},
    Labels: {},
  })
}

function rowOf(container: FleetContainer): string {
  return (container.row ??= renderRow(container, bridgeId))
}

function ok(body: string): FleetReply {
  return { status: 200, body }
}

function notFound(reference: string): FleetReply {
  return { status: 404, body: `{"message":"No such container: ${reference}"}` }
}

/** Text as the bytes of a whole reply. */
export function renderFleetReply({ status, body }: FleetReply): Buffer {
  const head = `HTTP/1.1 ${status} ${reasons[status] ?? 'Status'}\r\nApi-Version: 1.41\r\nOstype: linux\r\nServer: Docker/20.10.24 (linux)\r\n`
  if (status === 204 || status === 304) return Buffer.from(`${head}\r\n`, 'latin1')
  return Buffer.from(`${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`, 'latin1')
}

const reasons: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  304: 'Not Modified',
  404: 'Not Found',
  409: 'Conflict',
}
