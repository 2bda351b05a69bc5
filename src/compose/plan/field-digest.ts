import { createHash } from 'node:crypto'
import { describeService } from '../hash.ts'
import type { Service } from '../model/service.ts'

/**
 * Our own label: a short digest of each setting the configuration hash is taken of, so that a later plan can name the
 * setting that changed. It holds no value and takes no part in the hash.
 */
export const FIELDS_LABEL = 'flotilla.compose.fields'

/** Letters of base64 kept of each digest: 48 bits, plenty to tell two values of one setting apart. */
const digestLength = 8
/** Digits of the configuration hash that tie the label to it. */
const hashLength = 12

/**
 * The settings of a service the hash is taken of, as JSON texts by their path: `image`, `environment.LEVEL`. Mappings are
 * taken apart one level deep, lists are one setting.
 */
export function fieldsOf(service: Service): ReadonlyMap<string, string> {
  const described = JSON.parse(describeService(service)) as Readonly<Record<string, unknown>>
  const fields = new Map<string, string>()
  for (const [name, value] of Object.entries(described)) {
    if (value === null) continue
    if (typeof value !== 'object' || Array.isArray(value)) fields.set(name, JSON.stringify(value))
    else for (const [key, inner] of Object.entries(value)) fields.set(`${name}.${key}`, JSON.stringify(inner))
  }
  return fields
}

/**
 * The label's value for a container of this hash: its first digits, then `path:digest` of each setting. Paths are
 * percent-encoded, so that the text holds no comma: lists of labels are taken apart at those.
 */
export function renderFieldDigests(service: Service, hash: string): string {
  const digests = [...fieldsOf(service)].map(([path, value]) => `${encodeURIComponent(path)}:${digest(value)}`)
  return [hash.slice(0, hashLength), ...digests].join(' ')
}

/**
 * Paths of the settings in which a container differs from a service, sorted.
 *
 * @param labels of the container
 * @returns undefined when the container does not tell: it was made by another program, or the label came with its image
 */
export function changedFields(
  labels: Readonly<Record<string, string>>,
  hash: string,
  service: Service,
): readonly string[] | undefined {
  const before = readDigests(labels[FIELDS_LABEL], hash)
  if (before === undefined) return undefined
  const after = fieldsOf(service)
  const paths = new Set([...before.keys(), ...after.keys()])
  return [...paths]
    .filter((path) => {
      const value = after.get(path)
      return before.get(path) !== (value === undefined ? undefined : digest(value))
    })
    .sort()
}

/** Paths of the settings the container was made with; undefined when it does not tell. */
export function knownFields(labels: Readonly<Record<string, string>>, hash: string): ReadonlySet<string> | undefined {
  const digests = readDigests(labels[FIELDS_LABEL], hash)
  return digests === undefined ? undefined : new Set(digests.keys())
}

function readDigests(label: string | undefined, hash: string): ReadonlyMap<string, string> | undefined {
  const [head, ...pairs] = label?.split(' ') ?? []
  if (head !== hash.slice(0, hashLength)) return undefined
  const digests = new Map<string, string>()
  for (const pair of pairs) {
    const [, path, value] = /^([^:]+):(.+)$/.exec(pair) ?? []
    if (path === undefined || value === undefined) return undefined
    try {
      digests.set(decodeURIComponent(path), value)
    } catch {
      return undefined
    }
  }
  return digests
}

function digest(value: string): string {
  return createHash('sha256').update(value).digest('base64url').slice(0, digestLength)
}
