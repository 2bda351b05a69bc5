import { FlotillaError } from '../../core/errors.ts'
import { hashVolume } from '../hash.ts'
import { sortedNames } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { toVolumeBody } from '../translate.ts'
import { LABEL } from './label.ts'
import type { Observed, ObservedContainer, ObservedVolume } from './observed.ts'
import type { Question } from './plan.ts'
import type { Selection } from './selection.ts'
import { removeOnce } from './workspace.ts'
import type { Workspace } from './workspace.ts'

/** Keys of the volumes in play: those of selected services, and those no service uses (`--all-resources`). */
export function volumesInPlay(project: Project, selection: Selection): readonly string[] {
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
 * @throws {compose/plan} for one that is used by a container nobody asked to make again
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
      addCreation(space, key, 'missing', undefined)
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

function addCreation(space: Workspace, key: string, cause: string, removal: number | undefined): void {
  const body = toVolumeBody(space.project, key, space.project.volumes[key] ?? { name: key })
  if (space.options.isCluster && isOfOneNode(space, key)) {
    space.brought.set(key, { body, cause, isOpen: true })
    if (removal !== undefined) space.volumes.set(key, removal)
    return
  }
  const resource = `Volume ${body.Name}`
  space.volumes.set(key, space.builder.add({ op: { kind: 'create-volume', body }, resource, cause, after: [removal] }))
}

/** File systems of the network: wherever such a volume is made, it holds the same. */
const remoteTypes = /^(?:nfs|nfs4|cifs|smb3?|ceph|glusterfs|sshfs|fuse\..*)$/

/**
 * True for a volume whose data is on the node where it is made. A cluster asked for it by name alone would make one on each
 * node, and the next container would find an empty one. Services with a container on each node, or whose
 * nodes are chosen beforehand, want just that.
 */
function isOfOneNode({ project, selection }: Workspace, key: string): boolean {
  const { driver = '', driver_opts: options = {} } = project.volumes[key] ?? {}
  if ((driver !== '' && driver !== 'local') || remoteTypes.test(options['type'] ?? '')) return false
  const users = Object.values(project.services).filter(({ volumes = [] }) =>
    volumes.some(({ type, source }) => type === 'volume' && source === key),
  )
  return users.some(({ name }) => selection.names.has(name)) && !users.some(isSpread)
}

function isSpread({ deploy }: Service): boolean {
  const { max_replicas_per_node: most = 0, preferences = [] } = deploy?.placement ?? {}
  return deploy?.mode === 'global' || deploy?.mode === 'global-job' || most > 0 || preferences.length > 0
}

function renewVolume(space: Workspace, change: ChangedVolume): void {
  const cause = 'configuration changed'
  const name = change.volume.name
  const users = findUsers(space.observed, [change])
  const lost = users.find((entry) => !space.removals.has(entry.id) && !isMadeAgain(space, entry))
  if (lost !== undefined) {
    throw new FlotillaError('compose/plan', `volume ${name} has changed, and is in use by ${lost.name}`, {
      hint: `the command would not make that container again: remove it, or name its service (${lost.service}) too`,
    })
  }
  const removals = users.map((container) => removeOnce(space, container, { cause: `volume ${name} is made anew` }))
  const removal = space.builder.add({
    op: { kind: 'remove-volume', name },
    resource: `Volume ${name}`,
    cause,
    after: removals,
  })
  addCreation(space, change.key, cause, removal)
}

/** What is of another service, or of `run`, would be gone for good. */
function isMadeAgain({ selection }: Workspace, { service, isOneOff }: ObservedContainer): boolean {
  return selection.names.has(service) && !isOneOff
}
