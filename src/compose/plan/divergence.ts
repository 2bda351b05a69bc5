import { hashService, hashServiceAsAfter, hashServiceAsBefore, hashServiceWithoutLabelFile } from '../hash.ts'
import type { Dictionary } from '../model/dictionary.ts'
import { hashServiceClassic } from '../legacy/classic-hash.ts'
import type { Materials } from '../model/material.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { imageMounts } from '../translate/mount.ts'
import { toImageReference } from '../translate/name.ts'
import { referencedServices, resolveReferences } from '../translate/reference.ts'
import { changedFields } from './field-digest.ts'
import { FILES_LABEL, LABEL } from './label.ts'
import type { Observed, ObservedContainer, ObservedImage } from './observed.ts'

/** What a container of a service is compared with. */
export interface Wanted {
  readonly project: Project
  readonly service: Service
  readonly observed: Observed
  /** IDs of the containers the service refers to; a service is missing when its container is yet to be made. */
  readonly ids: Dictionary<string>
  /** Containers of docker-compose 1 count as changed. */
  readonly replacesClassic?: boolean
  /** What configs and secrets hold. */
  readonly materials?: Materials
}

/**
 * Says why a container no longer is what the project asks for.
 *
 * @returns undefined when it is
 */
export function divergenceOf(container: ObservedContainer, wanted: Wanted): string | undefined {
  const { service, ids } = wanted
  const unresolved = referencedServices(service).find((name) => ids[name] === undefined)
  if (unresolved !== undefined) return `container of ${unresolved} is replaced`
  const label = container.labels[LABEL.configHash]
  const resolved = resolveReferences(service, ids)
  const image = wanted.observed.images[toImageReference(wanted.project, service)]
  if (image !== undefined && isSameAsClassic(container, wanted, image)) return undefined
  if (!isHashOf(label, resolved)) {
    const fields = changedFields(container.labels, label ?? '', resolved) ?? []
    return fields.length === 0 ? 'configuration changed' : `configuration changed: ${fields.join(', ')}`
  }
  if (image !== undefined && !isSameImage(container, image)) return 'image changed'
  return changedFile(container, wanted) ?? missingNetwork(container, wanted) ?? missingVolume(container, wanted)
}

/** In one of the forms that are known of docker-compose 2 and 5, and of earlier versions of this program. */
function isHashOf(label: string | undefined, service: Service): boolean {
  if (label === hashService(service)) return true
  if (label === hashServiceAsBefore(service) || label === hashServiceAsAfter(service)) return true
  return service.label_file !== undefined && label === hashServiceWithoutLabelFile(service)
}

/** docker-compose 1 hashes the image with the service, and knows no label for it. */
function isSameAsClassic(container: ObservedContainer, wanted: Wanted, image: ObservedImage): boolean {
  if (wanted.replacesClassic === true || container.labels[LABEL.version]?.startsWith('1.') !== true) return false
  const hashes = hashServiceClassic(wanted.project, wanted.service, image.id, wanted.ids)
  return hashes.includes(container.labels[LABEL.configHash] ?? '')
}

/** A container that another program made does not tell what its files hold. */
function changedFile(container: ObservedContainer, { service, materials }: Wanted): string | undefined {
  const label = container.labels[FILES_LABEL]
  if (label === undefined || materials === undefined) return undefined
  for (const entry of label.split(',')) {
    const at = entry.lastIndexOf('=')
    const key = entry.slice(0, at)
    const fingerprint = materials.entries.get(key)?.fingerprint
    if (isUsing(service, key) && fingerprint !== undefined && fingerprint !== entry.slice(at + 1)) {
      return key.startsWith('image:')
        ? `mounted ${key.replace(':', ' ')} changed`
        : `content of ${key.replace(':', ' ')} changed`
    }
  }
  return undefined
}

function isUsing(service: Service, key: string): boolean {
  const name = key.slice(key.indexOf(':') + 1)
  if (key.startsWith('image:')) return imageMounts(service).includes(name)
  const uses = key.startsWith('secret:') ? service.secrets : service.configs
  return uses?.some((use) => use.source === name) === true
}

/** Releases before 5 label the image ID, later ones a digest; either form of the same image is the same. */
function isSameImage(container: ObservedContainer, image: ObservedImage): boolean {
  const label = container.labels[LABEL.image] ?? ''
  return image.ids.includes(label) || image.digests.some((digest) => label !== '' && digest.endsWith(label))
}

/**
 * One that does not run is on a network as long as that is there: engines keep its ID, and refuse the start when it has been
 * removed (`docker network prune` takes those no running container is on), or was made anew. It may also have been taken
 * off, or never put on, where something ended half way.
 */
function missingNetwork(container: ObservedContainer, wanted: Wanted): string | undefined {
  const { state } = container
  const isStopped = state === 'exited' || state === 'created'
  if (state !== 'running' && state !== 'paused' && !isStopped) return undefined
  const attached = new Set(Object.values(container.networks))
  for (const key of Object.keys(wanted.service.networks ?? {})) {
    const { name = key } = wanted.project.networks[key] ?? {}
    const network = wanted.observed.networks.find((entry) => entry.name === name)
    if (network !== undefined && attached.has(network.id)) continue
    if (!isStopped) return `not on network ${name}`
    const id = container.networks[name]
    if (id === undefined) return `not on network ${name}`
    // Without an ID it is found by its name.
    if (id !== '') return `network ${name} is no longer the one it was on`
  }
  return undefined
}

function missingVolume(container: ObservedContainer, wanted: Wanted): string | undefined {
  const mounted = new Set(container.mounts.filter((mount) => mount.type === 'volume').map((mount) => mount.name))
  for (const mount of wanted.service.volumes ?? []) {
    if (mount.type !== 'volume' || mount.source === undefined || mount.source === '') continue
    const name = wanted.project.volumes[mount.source]?.name ?? mount.source
    if (!mounted.has(name)) return `volume ${name} not mounted`
  }
  return undefined
}
