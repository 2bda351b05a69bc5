import { renderDecimalSize } from '../../core/bytes.ts'
import { renderHumanDuration } from '../../core/duration.ts'

/** An image as a container of the project uses it; the names are those of the JSON form. */
export interface ImageRow {
  /** With `sha256:`. */
  readonly ID: string
  readonly ContainerName: string
  readonly Repository: string
  readonly Tag: string
  readonly Platform: string
  readonly Size: number
  readonly LastTagTime: string
}

/** What is used of an image the engine describes. */
export interface ImageFacts {
  readonly id: string
  readonly os: string
  readonly architecture: string
  readonly variant?: string | undefined
  readonly size: number
  readonly lastTagTime?: string | undefined
  readonly created?: string | undefined
}

const nothing = '<none>'
const never = '1970-01-01T00:00:00Z'

/** @param reference the image as the container was made from it */
export function toImageRow(containerName: string, reference: string, facts: ImageFacts): ImageRow {
  const { repository, tag } = readName(reference)
  const platform = [facts.os, facts.architecture, facts.variant ?? ''].filter((part) => part !== '').join('/')
  return {
    ID: facts.id,
    ContainerName: containerName,
    Repository: repository,
    Tag: tag,
    Platform: platform,
    Size: facts.size,
    // As docker compose 2.40 does for an image that was never tagged here.
    LastTagTime: [facts.lastTagTime, facts.created].find((time) => !isNever(time)) ?? never,
  }
}

/** Engines give Go's zero time, or nothing. */
function isNever(time: string | undefined): boolean {
  return time === undefined || time === '' || time.startsWith('0001-')
}

/** The parts of the name a container was made with, Docker Hub's own left out; an ID has none. */
function readName(reference: string): { readonly repository: string; readonly tag: string } {
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(reference)) return { repository: '', tag: '' }
  const [name = ''] = reference
    .replace(/^(?:index\.)?docker\.io\//, '')
    .replace(/^library\//, '')
    .split('@')
  const colon = name.lastIndexOf(':')
  if (colon > name.lastIndexOf('/')) return { repository: name.slice(0, colon), tag: name.slice(colon + 1) }
  return { repository: name, tag: reference.includes('@') ? '' : 'latest' }
}

const shortIdDigits = 12

/** The cells of one line of the table. */
export function toImageCells(row: ImageRow, nowMs: number): readonly string[] {
  return [
    row.ContainerName,
    row.Repository === '' ? nothing : row.Repository,
    row.Tag === '' ? nothing : row.Tag,
    row.Platform,
    plainId(row.ID).slice(0, shortIdDigits),
    renderDecimalSize(row.Size),
    renderAge(row.LastTagTime, nowMs),
  ]
}

function renderAge(time: string, nowMs: number): string {
  const atMs = Date.parse(time)
  if (time === never || Number.isNaN(atMs)) return 'N/A'
  return `${renderHumanDuration(nowMs - atMs)} ago`
}

/** An ID without `sha256:`. */
export function plainId(id: string): string {
  return id.replace(/^sha256:/, '')
}

export const imageHeadings: readonly string[] = [
  'CONTAINER',
  'REPOSITORY',
  'TAG',
  'PLATFORM',
  'IMAGE ID',
  'SIZE',
  'CREATED',
]
