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
  readonly tags: readonly string[]
  readonly os: string
  readonly architecture: string
  readonly variant?: string | undefined
  readonly size: number
  readonly created?: string | undefined
  readonly lastTagTime?: string | undefined
}

const nothing = '<none>'
/** Go's zero time, which engines give for an image that was never tagged. */
const never = '0001-01-01T00:00:00Z'

/** @param reference the image as the container was made from it */
export function toImageRow(containerName: string, reference: string, facts: ImageFacts): ImageRow {
  const { repository, tag } = chooseName(reference, facts.tags)
  const platform = [facts.os, facts.architecture, facts.variant ?? ''].filter((part) => part !== '').join('/')
  return {
    ID: facts.id,
    ContainerName: containerName,
    Repository: repository,
    Tag: tag,
    Platform: platform,
    Size: facts.size,
    LastTagTime: facts.lastTagTime ?? never,
  }
}

/** The name the container was made with where the image still has it, else the image's first. */
function chooseName(reference: string, tags: readonly string[]): { repository: string; tag: string } {
  const wanted = [reference, `${reference}:latest`].find((name) => tags.includes(name)) ?? tags[0]
  if (wanted === undefined) return { repository: nothing, tag: nothing }
  const colon = wanted.lastIndexOf(':')
  return { repository: wanted.slice(0, colon), tag: wanted.slice(colon + 1) }
}

const shortIdDigits = 12

/** The cells of one line of the table. */
export function toImageCells(row: ImageRow, nowMs: number): readonly string[] {
  return [
    row.ContainerName,
    row.Repository,
    row.Tag,
    row.Platform,
    plainId(row.ID).slice(0, shortIdDigits),
    renderDecimalSize(row.Size),
    renderAge(row.LastTagTime, nowMs),
  ]
}

function renderAge(time: string, nowMs: number): string {
  const atMs = Date.parse(time)
  if (time.startsWith('0001-') || Number.isNaN(atMs)) return 'N/A'
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
