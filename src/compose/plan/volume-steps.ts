import { FlotillaError } from '../../core/errors.ts'
import { hashVolume } from '../hash.ts'
import { sortedNames } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import { toVolumeBody } from '../translate.ts'
import { LABEL } from './label.ts'
import type { Observed, ObservedContainer, ObservedVolume } from './observed.ts'
import type { Question } from './plan.ts'
import type { Selection } from './selection.ts'
import { removeOnce } from './workspace.ts'
import type { Workspace } from './workspace.ts'

/** Keys of the volumes in play: those of selected services, and those no service uses (`--all-resources`). */
function volumesInPlay(project: Project, selection: Selection): readonly string[] {
  const users = new Map<string, string[]>()
  for (const service of Object.values(project.services)) {
    for (const mount of service.volumes ?? []) {
      if (mount.type !== 'volume' || mount.source === undefined) continue
      users.set(mount.source, [...(users.get(mount.source) ?? []), service.name])
    }
  }
  return sortedNames(project.volumes).filter((key) => {
    const services = users.get(key)
    return services === undefined || services.some((name) => selection.names.has(name))
  })
}

/** A volume of ours whose definition changed. */
export interface ChangedVolume {
  readonly key: string
  readonly volume: ObservedVolume
  readonly question: Question
}

/** Volumes of ours whose definition changed. Making one anew loses its data, so each is a question. */
export function findChangedVolumes(
  project: Project,
  observed: Observed,
  selection: Selection,
): readonly ChangedVolume[] {
  const changed: ChangedVolume[] = []
  for (const key of volumesInPlay(project, selection)) {
    const wanted = project.volumes[key]
    const volume = observed.volumes.find((entry) => entry.name === wanted?.name)
    const hash = volume?.labels[LABEL.configHash]
    if (wanted === undefined || wanted.external === true || wanted.isPlain === true) continue
    if (volume === undefined || hash === undefined) continue
    if (hash === hashVolume(wanted)) continue
    const text = `Volume "${volume.name}" exists but doesn't match configuration in compose file. Recreate (data will be lost)?`
    changed.push({ key, volume, question: { id: `volume:${volume.name}`, text } })
  }
  return changed
}

/** Containers that mount one of the volumes. */
export function findUsers(observed: Observed, volumes: readonly ChangedVolume[]): readonly ObservedContainer[] {
  const names = new Set(volumes.map((entry) => entry.volume.name))
  return observed.containers.filter((container) =>
    container.mounts.some((mount) => mount.type === 'volume' && mount.name !== undefined && names.has(mount.name)),
  )
}

/**
 * Adds the steps that make missing volumes, and anew those the user agreed to lose.
 *
 * @throws {compose/not-found} for an external volume that does not exist
 */
export function addVolumeSteps(space: Workspace, renewed: readonly ChangedVolume[]): void {
  for (const key of volumesInPlay(space.project, space.selection)) {
    const wanted = space.project.volumes[key]
    if (wanted === undefined) continue
    const existing = space.observed.volumes.find((entry) => entry.name === wanted.name)
    if (existing === undefined) {
      if (wanted.external === true) {
        throw new FlotillaError('compose/not-found', `external volume "${wanted.name}" not found`)
      }
      space.volumes.set(key, addCreation(space, key, 'missing', []))
      continue
    }
    if (wanted.external === true || wanted.isPlain === true) continue
    warnAboutOwner(space, existing)
    const change = renewed.find((entry) => entry.key === key)
    if (change !== undefined) renewVolume(space, change)
  }
}

function warnAboutOwner(space: Workspace, volume: ObservedVolume): void {
  const owner = volume.labels[LABEL.project]
  const advice = 'say `external: true` if this project is to use it'
  if (owner === undefined) {
    space.builder.warn(`volume "${volume.name}" is there already and no project made it; ${advice}`)
  } else if (owner !== space.project.name) {
    space.builder.warn(`volume "${volume.name}" is there already and belongs to project "${owner}"; ${advice}`)
  }
}

function addCreation(space: Workspace, key: string, cause: string, after: readonly number[]): number {
  const body = toVolumeBody(space.project, key, space.project.volumes[key] ?? { name: key })
  return space.builder.add({ op: { kind: 'create-volume', body }, resource: `Volume ${body.Name}`, cause, after })
}

function renewVolume(space: Workspace, change: ChangedVolume): void {
  const cause = 'configuration changed'
  const name = change.volume.name
  const removals = findUsers(space.observed, [change]).map((container) =>
    removeOnce(space, container, { cause: `volume ${name} is made anew` }),
  )
  const removal = space.builder.add({
    op: { kind: 'remove-volume', name },
    resource: `Volume ${name}`,
    cause,
    after: removals,
  })
  space.volumes.set(change.key, addCreation(space, change.key, cause, [removal]))
}
