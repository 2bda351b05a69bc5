/** One event of a container of the project. */
export interface ContainerEvent {
  readonly id: string
  readonly action: string
  readonly service: string
  /** Labels of Compose and those of this program left out. */
  readonly attributes: Readonly<Record<string, string>>
  /** Nanoseconds since the epoch. */
  readonly timeNs: bigint
}

/** What is used of an event of the engine. */
export interface RawEvent {
  readonly action: string
  readonly id: string
  readonly attributes: Readonly<Record<string, string>>
  readonly timeNs: bigint
}

const ownPrefixes = ['com.docker.compose.', 'flotilla.compose.']
const serviceLabel = 'com.docker.compose.service'
const oneOffLabel = 'com.docker.compose.oneoff'

/**
 * What is shown of an event of the engine: those of ordinary containers of the services.
 *
 * @param services empty: all
 * @returns undefined for an event that is left out
 */
export function toContainerEvent(event: RawEvent, services: readonly string[]): ContainerEvent | undefined {
  const service = event.attributes[serviceLabel]
  if (service === undefined || event.attributes[oneOffLabel] === 'True') return undefined
  if (services.length > 0 && !services.includes(service)) return undefined
  const shown = Object.entries(event.attributes)
    .filter(([name]) => !ownPrefixes.some((prefix) => name.startsWith(prefix)))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const { id, action, timeNs } = event
  return { id, action, service, attributes: Object.fromEntries(shown), timeNs }
}

/** `2026-01-02 03:04:05.000006 container start ID (image=x, name=y)`, the time in the zone of this computer. */
export function renderEventText(event: ContainerEvent): string {
  const date = new Date(Number(event.timeNs / 1_000_000n))
  const micros = pad((event.timeNs / 1000n) % 1_000_000n, 6)
  const day = [pad(date.getFullYear(), 4), pad(date.getMonth() + 1, 2), pad(date.getDate(), 2)].join('-')
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => pad(part, 2)).join(':')
  const attributes = Object.entries(event.attributes).map(([name, value]) => `${name}=${value}`)
  return `${day} ${time}.${micros} container ${event.action} ${event.id} (${attributes.join(', ')})`
}

/** One JSON object with its keys in order, the time as RFC 3339 in the zone of this computer. */
export function renderEventJson(event: ContainerEvent): string {
  const { action, attributes, id, service } = event
  const text = JSON.stringify({ action, attributes, id, service, time: renderTime(event.timeNs), type: 'container' })
  // Go escapes what HTML would read.
  return text.replace(/[<>&\u2028\u2029]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function renderTime(timeNs: bigint): string {
  const date = new Date(Number(timeNs / 1_000_000n))
  const offset = -date.getTimezoneOffset()
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19)
  const fraction = pad(timeNs % 1_000_000_000n, 9).replace(/0+$/, '')
  const sign = offset < 0 ? '-' : '+'
  const away = Math.abs(offset)
  const zone = offset === 0 ? 'Z' : `${sign}${pad(Math.trunc(away / 60), 2)}:${pad(away % 60, 2)}`
  return `${local}${fraction === '' ? '' : `.${fraction}`}${zone}`
}

function pad(value: number | bigint, width: number): string {
  return String(value).padStart(width, '0')
}
