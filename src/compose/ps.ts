import { renderHumanDuration } from '../core/duration.ts'
import { goQuote } from '../core/goquote.ts'
import { structFields } from '../core/gotemplate/value.ts'
import { LABEL } from './plan/label.ts'
import type { ObservedContainer, ObservedPort } from './plan/observed.ts'

/** One row of `ps`, with the names that templates and JSON use. */
export interface PsRow {
  readonly Command: string
  readonly CreatedAt: string
  readonly ExitCode: number
  readonly Health: string
  readonly ID: string
  readonly Image: string
  readonly Labels: string
  readonly LocalVolumes: string
  readonly Mounts: string
  readonly Name: string
  readonly Names: string
  readonly Networks: string
  /** Only on a fleet. */
  readonly Node?: string
  readonly Ports: string
  readonly Project: string
  readonly Publishers: readonly Publisher[]
  readonly RunningFor: string
  readonly Service: string
  readonly Size: string
  readonly State: string
  readonly Status: string
}

export interface Publisher {
  readonly URL: string
  readonly TargetPort: number
  readonly PublishedPort: number
  readonly Protocol: string
  readonly [structFields]: readonly string[]
}

const publisherFields = ['URL', 'TargetPort', 'PublishedPort', 'Protocol'] as const

export interface PsOptions {
  readonly nowMs: number
  /** Whole IDs, commands and mounts. */
  readonly isWhole: boolean
}

const commandWidth = 20
const mountWidth = 15

/** Describes one container as `docker compose ps` does. */
export function toPsRow(container: ObservedContainer, options: PsOptions): PsRow {
  const { isWhole } = options
  const volumes = container.mounts.filter((mount) => mount.type === 'volume')
  const mounts = container.mounts.map((mount) => cut(mount.name ?? mount.source, isWhole ? Infinity : mountWidth))
  const labels = Object.entries(container.labels).map(([name, value]) => `${name}=${value}`)
  return {
    Command: goQuote(cut(container.command, isWhole ? Infinity : commandWidth)),
    CreatedAt: `${new Date(container.createdAtMs).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`,
    ExitCode: Number(/^Exited \((\d+)\)/.exec(container.status)?.[1] ?? 0),
    Health: container.health ?? '',
    ID: isWhole ? container.id : container.id.slice(0, 12),
    Image: container.image,
    Labels: labels.join(','),
    LocalVolumes: String(volumes.length),
    Mounts: mounts.join(','),
    Name: container.name,
    Names: container.name,
    Networks: Object.keys(container.networks).join(','),
    ...(container.node !== undefined && { Node: container.node }),
    Ports: renderPorts(container.ports),
    Project: container.labels[LABEL.project] ?? '',
    // Engines list them in any order.
    Publishers: [...container.ports].sort(comparePorts).map((port) => ({
      URL: port.hostIp ?? '',
      TargetPort: port.target,
      PublishedPort: port.published ?? 0,
      Protocol: port.protocol,
      [structFields]: publisherFields,
    })),
    RunningFor: `${renderHumanDuration(options.nowMs - container.createdAtMs)} ago`,
    Service: container.service,
    Size: '0B',
    State: container.state,
    Status: container.status,
  }
}

function cut(text: string, width: number): string {
  const letters = Array.from(text)
  return letters.length <= width ? text : `${letters.slice(0, width - 1).join('')}…`
}

/** Consecutive ports that are alike. */
interface PortRun {
  readonly first: ObservedPort
  last: number
}

/**
 * Ports as docker prints them (docker/cli cli/command/formatter/container.go): those that have the same number on both
 * sides and those that are only exposed, as ranges where they run on, then one by one those that are mapped.
 */
export function renderPorts(ports: readonly ObservedPort[]): string {
  const sorted = [...ports].sort(comparePorts)
  const interrupted: PortRun[] = []
  const open = new Map<string, PortRun>()
  const mapped: string[] = []
  for (const port of sorted) {
    if (port.published !== undefined && port.published !== port.target) {
      mapped.push(`${renderAddress(port)}${port.published}->${port.target}/${port.protocol}`)
      continue
    }
    const key = `${port.published === undefined ? '' : (port.hostIp ?? '')}/${port.protocol}`
    const run = open.get(key)
    if (run !== undefined && run.last + 1 === port.target) {
      run.last = port.target
      continue
    }
    if (run !== undefined) interrupted.push(run)
    open.set(key, { first: port, last: port.target })
  }
  return [...[...interrupted, ...open.values()].map(renderRun), ...mapped].join(', ')
}

function renderRun({ first, last }: PortRun): string {
  const range = first.target === last ? String(last) : `${first.target}-${last}`
  const target = `${range}/${first.protocol}`
  return first.published === undefined ? target : `${renderAddress(first)}${range}->${target}`
}

function renderAddress({ hostIp = '' }: ObservedPort): string {
  return hostIp.includes(':') ? `[${hostIp}]:` : `${hostIp}:`
}

function comparePorts(a: ObservedPort, b: ObservedPort): number {
  return (
    a.target - b.target ||
    compare(a.hostIp ?? '', b.hostIp ?? '') ||
    (a.published ?? 0) - (b.published ?? 0) ||
    compare(a.protocol, b.protocol)
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Columns of the table. */
export const psHeadings: Readonly<Record<string, string>> = {
  Command: 'COMMAND',
  CreatedAt: 'CREATED AT',
  ExitCode: 'EXIT CODE',
  Health: 'HEALTH',
  ID: 'CONTAINER ID',
  Image: 'IMAGE',
  Labels: 'LABELS',
  LocalVolumes: 'LOCAL VOLUMES',
  Mounts: 'MOUNTS',
  Name: 'NAME',
  Names: 'NAMES',
  Networks: 'NETWORKS',
  Node: 'NODE',
  Ports: 'PORTS',
  Project: 'PROJECT',
  Publishers: 'PUBLISHERS',
  RunningFor: 'CREATED',
  Service: 'SERVICE',
  Size: 'SIZE',
  State: 'STATE',
  Status: 'STATUS',
}

/** What `ps` prints without `--format`. */
export const psTable =
  'table {{.Name}}\\t{{.Image}}\\t{{.Command}}\\t{{.Service}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}'

/** As `psTable`, with the node each container is on. */
export const psFleetTable =
  'table {{.Name}}\\t{{.Image}}\\t{{.Command}}\\t{{.Service}}\\t{{.Node}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}'

/** `--format raw`: a field a line, an empty line behind each container. */
export const psRaw = `container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{.State}}
status: {{.Status}}
names: {{.Names}}
labels:{{if .Labels}} {{.Labels}}{{end}}
ports:{{if .Ports}} {{.Ports}}{{end}}
`
