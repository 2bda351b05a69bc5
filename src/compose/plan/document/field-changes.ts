import { isSecretName, maskSecrets } from '../../../core/mask.ts'
import type { ContainerConfig, HostConfig } from '../../../engine/api/types.ts'
import type { Service } from '../../model/service.ts'
import type { ContainerCreateBody } from '../../translate/body.ts'
import { changedFields, fieldsOf } from '../field-digest.ts'
import { isShown, readSetting, shownSettings } from './engine-settings.ts'
import type { EngineSettings } from './engine-settings.ts'

/** One setting that differs. Values are JSON texts with secrets masked and long ones cut. */
export interface FieldChange {
  /** As the compose file has it: `image`, `environment.LEVEL`. */
  readonly field: string
  /** Null: not set, or not known. */
  readonly from: string | null
  /** Null: no longer set. */
  readonly to: string | null
  /** False: the engine does not show the old value, only that it was another. */
  readonly isFromKnown: boolean
}

/** A container as its engine describes it, with the settings its image brought. */
export interface InspectedContainer {
  readonly labels: Readonly<Record<string, string>>
  readonly config: ContainerConfig
  readonly host: HostConfig
  readonly imageConfig: ContainerConfig
}

/** Labels that programs set, not people. */
const ownLabels = /^(?:com\.docker\.(?:compose|swarm)|flotilla)\./

/**
 * Which settings of a container differ from a service, and how. Containers of this program tell by a label which ones
 * changed; of others only those are found that the engine shows. Nothing found means that only the hash differs.
 *
 * @param hash the container's
 * @param resolved the service, its references to other containers replaced
 */
export function findFieldChanges(
  old: InspectedContainer,
  hash: string,
  resolved: Service,
  body: ContainerCreateBody,
): readonly FieldChange[] {
  const before: EngineSettings = { config: withoutImage(old.config, old.imageConfig, body), host: old.host }
  const after: EngineSettings = { config: body, host: body.HostConfig }
  const wanted = fieldsOf(resolved)
  const told = changedFields(old.labels, hash, resolved)
  const paths = told ?? findShownChanges(old, resolved, before, after)
  return paths.map((path) => {
    const from = readOld(path, old, before)
    const isShownThere = isMapping(path) || isShown(path)
    const isSame = from !== undefined && from === readSetting(path, after)
    const to = isShown(path) && !isSame ? (readSetting(path, after) ?? wanted.get(path)) : wanted.get(path)
    return {
      field: path,
      from: isSame || from === undefined ? null : present(path, from),
      to: to === undefined ? null : present(path, to),
      isFromKnown: isShownThere && !isSame,
    }
  })
}

function isMapping(path: string): boolean {
  return path.startsWith('environment.') || path.startsWith('labels.')
}

function readOld(path: string, old: InspectedContainer, before: EngineSettings): string | undefined {
  const name = path.slice(path.indexOf('.') + 1)
  if (path.startsWith('environment.')) return toText(readEnvironment(old.config).get(name))
  if (path.startsWith('labels.')) return toText(Object.hasOwn(old.labels, name) ? old.labels[name] : undefined)
  return readSetting(path, before)
}

function toText(value: string | undefined): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value)
}

/** What can be seen to differ where the container does not tell. */
function findShownChanges(
  old: InspectedContainer,
  resolved: Service,
  before: EngineSettings,
  after: EngineSettings,
): readonly string[] {
  const image = readEnvironment(old.imageConfig)
  const environment = readEnvironment(old.config)
  const paths = shownSettings.filter((path) => readSetting(path, before) !== readSetting(path, after))
  const wanted = new Map(Object.entries(resolved.environment ?? {}))
  for (const name of new Set([...environment.keys(), ...wanted.keys()])) {
    const value = environment.get(name)
    // An engine adds PATH and the image's own; hints for a scheduler do not reach the container.
    if (!wanted.has(name) && (name === 'PATH' || image.get(name) === value)) continue
    if (/^(?:constraint|affinity|reschedule|whitelist):/.test(name)) continue
    if (value !== (wanted.get(name) ?? undefined)) paths.push(`environment.${name}`)
  }
  const labels = new Map(Object.entries(resolved.labels ?? {}))
  for (const name of new Set([...Object.keys(old.labels), ...labels.keys()])) {
    if (ownLabels.test(name)) continue
    const value = old.labels[name]
    if (!labels.has(name) && old.imageConfig.Labels?.[name] === value) continue
    if (value !== labels.get(name)) paths.push(`labels.${name}`)
  }
  return paths.sort()
}

/** Settings that came with the image count as not set, unless the service sets them too. */
function withoutImage(config: ContainerConfig, image: ContainerConfig, body: ContainerCreateBody): ContainerConfig {
  const kept: Record<string, unknown> = { ...config }
  for (const key of ['Cmd', 'Entrypoint', 'User', 'WorkingDir', 'StopSignal', 'Healthcheck'] as const) {
    if (body[key] === undefined && JSON.stringify(config[key]) === JSON.stringify(image[key])) delete kept[key]
  }
  // The engine makes a name out of the ID where none is given.
  if (body.Hostname === undefined && /^[0-9a-f]{12}$/.test(config.Hostname ?? '')) delete kept['Hostname']
  return kept
}

function readEnvironment(config: ContainerConfig): ReadonlyMap<string, string> {
  return new Map(
    (config.Env ?? []).map((entry) => {
      const at = entry.indexOf('=')
      return at === -1 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
    }),
  )
}

const longest = 200

/** The value as it may be shown. */
function present(path: string, text: string): string {
  if (isMapping(path) && isSecretName(path.slice(path.indexOf('.') + 1))) return '"***"'
  const masked = maskSecrets(text)
  return masked.length <= longest ? masked : `${masked.slice(0, longest)}…`
}
