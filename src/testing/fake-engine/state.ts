import { createHash, randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { Clock } from '../../core/clock.ts'
import type { ContainerConfig, EndpointSettings, HostConfig, HealthState } from '../../engine/api/types.ts'
import type { EngineEvent, NetworkInspect, VolumeInspect } from '../../engine/api/types-resource.ts'
import type { ArchiveFaults, ImageContent } from './layered-image.ts'
import type { FakeEngineOptions } from './options.ts'
import type { RunningProcess } from './process.ts'

/** One written piece of a container's log. */
export interface FakeLogLine {
  readonly atMs: number
  readonly stream: 'stdout' | 'stderr'
  readonly data: Buffer
}

export interface FakeContainer {
  readonly id: string
  name: string
  readonly createdAtMs: number
  readonly imageId: string
  config: ContainerConfig
  hostConfig: HostConfig
  networks: Map<string, EndpointSettings>
  /** IDs of the containers it is linked to, whatever becomes of them. */
  readonly linkedIds: readonly string[]
  status: 'created' | 'running' | 'paused' | 'exited'
  exitCode: number
  startedAtMs: number
  finishedAtMs: number
  restartCount: number
  health: HealthState['Status']
  /** What the last health check printed. */
  lastCheck?: { readonly said: string; readonly atMs: number; readonly exitCode: number } | undefined
  /** Health checks that failed one after the other. */
  failingStreak?: number
  error: string
  /** Published ports as they came out. */
  ports: Map<string, { readonly HostIp: string; readonly HostPort: string }[]>
  process: RunningProcess | undefined
  readonly log: FakeLogLine[]
  /** Path → content; directories end with a slash. */
  readonly files: Map<string, { readonly content: Buffer; readonly mode: number; readonly mtimeMs: number }>
  readonly execIds: string[]
}

export interface FakeImage {
  readonly id: string
  tags: Set<string>
  readonly config: ContainerConfig
  readonly size: number
  readonly createdAtMs: number
  /** Of one that was made with content (`addLayeredImage`). */
  readonly content?: ImageContent
}

export interface FakeExec {
  readonly id: string
  readonly container: FakeContainer
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly isTty: boolean
  readonly streams: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean }
  process: RunningProcess | undefined
  exitCode: number | null
  hasStarted: boolean
}

export type FakeNetwork = Omit<NetworkInspect, 'Containers'> & { readonly subnetNumber: number }

/** Everything a fake engine knows. Handlers change it, tests may look at it and seed it. */
export class FakeState {
  readonly options: FakeEngineOptions
  readonly clock: Clock
  readonly id: string
  readonly containers: Map<string, FakeContainer> = new Map()
  /** Name without slash → id. */
  readonly names: Map<string, string> = new Map()
  readonly images: Map<string, FakeImage> = new Map()
  archiveFaults: ArchiveFaults = {}
  /** Names of the entries of each archive that was loaded. */
  readonly loads: (readonly string[])[] = []
  readonly networks: Map<string, FakeNetwork> = new Map()
  readonly volumes: Map<string, VolumeInspect> = new Map()
  /** Those that a container has had. */
  readonly usedVolumes: Set<string> = new Set()
  readonly execs: Map<string, FakeExec> = new Map()
  readonly events: EngineEvent[] = []
  /** `event` with an `EngineEvent`, `change` after any state change of a container, `log` with a container id. */
  readonly signals: EventEmitter = new EventEmitter()
  nextPort = 32_768
  nextSubnet = 17
  nextAddress = 2

  constructor(options: FakeEngineOptions, clock: Clock) {
    this.options = options
    this.clock = clock
    this.id = options.id ?? makeId()
    this.signals.setMaxListeners(0)
  }

  emit(type: string, action: string, id: string, attributes: Readonly<Record<string, string>>): void {
    const nowMs = this.clock.nowMs()
    const event: EngineEvent = {
      ...(type === 'container' ? { status: action, id, from: attributes['image'] ?? '' } : {}),
      Type: type,
      Action: action,
      Actor: { ID: id, Attributes: attributes },
      scope: 'local',
      time: Math.floor(nowMs / 1000),
      timeNano: nowMs * 1_000_000,
    }
    this.events.push(event)
    if (this.events.length > 256) this.events.shift()
    this.signals.emit('event', event)
  }

  emitContainer(container: FakeContainer, action: string, more: Readonly<Record<string, string>> = {}): void {
    this.emit('container', action, container.id, {
      ...container.config.Labels,
      image: container.config.Image ?? '',
      name: container.name,
      ...more,
    })
    this.signals.emit('change', container.id)
  }

  /** By id, name or unique prefix of an id. */
  findContainer(reference: string): FakeContainer | undefined {
    const named = this.names.get(reference.startsWith('/') ? reference.slice(1) : reference)
    const exact = this.containers.get(named ?? reference)
    if (exact !== undefined || reference === '') return exact
    const matches = [...this.containers.values()].filter((container) => container.id.startsWith(reference))
    return matches.length === 1 ? matches[0] : undefined
  }

  findImage(reference: string): FakeImage | undefined {
    const tag = normalizeTag(reference)
    for (const image of this.images.values()) {
      if (image.id === reference || image.tags.has(tag)) return image
    }
    const prefix = reference.startsWith('sha256:') ? reference : `sha256:${reference}`
    if (!/^sha256:[0-9a-f]{3,64}$/.test(prefix)) return undefined
    return [...this.images.values()].find((image) => image.id.startsWith(prefix))
  }

  addImage(reference: string, config: ContainerConfig = { Cmd: ['serve'] }): FakeImage {
    const tag = normalizeTag(reference)
    for (const image of this.images.values()) image.tags.delete(tag)
    const id = `sha256:${createHash('sha256').update(tag).digest('hex')}`
    const image = this.images.get(id) ?? {
      id,
      tags: new Set<string>(),
      config,
      size: 4_000_000,
      createdAtMs: this.clock.nowMs(),
    }
    image.tags.add(tag)
    this.images.set(id, image)
    return image
  }

  findNetwork(reference: string): FakeNetwork | undefined {
    const exact = this.networks.get(reference)
    if (exact !== undefined || reference === '') return exact
    const all = [...this.networks.values()]
    return all.find((network) => network.Name === reference) ?? all.find((network) => network.Id.startsWith(reference))
  }
}

/** 64 hexadecimal digits. */
export function makeId(): string {
  return randomBytes(32).toString('hex')
}

/** `busybox` → `busybox:latest`, with the default registry's prefixes taken away. */
export function normalizeTag(reference: string): string {
  const short = reference.replace(/^docker\.io\//, '').replace(/^library\//, '')
  const last = short.slice(short.lastIndexOf('/') + 1)
  return last.includes(':') || last.includes('@') ? short : `${short}:latest`
}

/** RFC 3339; Go's zero time for 0. */
export function renderTime(ms: number): string {
  return ms === 0 ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString().replace('Z', '000000Z')
}
