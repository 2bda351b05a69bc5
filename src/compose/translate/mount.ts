import { FlotillaError } from '../../core/errors.ts'
import { makeDictionary } from '../model/dictionary.ts'
import type { Dictionary } from '../model/dictionary.ts'
import type { Mount } from '../model/mount.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { dropEmpty, isApiAtLeast } from './api-version.ts'
import type { MountBody, VolumeCreateBody } from './body.ts'

/** A volume of the replaced container that the new one mounts at the same place. */
export interface InheritedVolume {
  readonly name: string
  readonly target: string
}

/** Mounts in the two forms the Engine API takes. */
export interface MountBodies {
  readonly binds: readonly string[]
  readonly mounts: readonly MountBody[]
}

/**
 * Splits the mounts of a service into `Binds` strings and `Mounts`, as the reference program does (docker/compose
 * pkg/compose/create.go): the string form, which makes missing host paths, unless an option asks for the other one or
 * the volume was taken over from the replaced container, or may have to be made with this one.
 *
 * @param brought key → create body of volumes that are made with the container unless they are there
 */
export function toMounts(
  project: Project,
  service: Service,
  inherited: readonly InheritedVolume[],
  brought: Dictionary<VolumeCreateBody> = makeDictionary(),
): MountBodies {
  const binds: string[] = []
  const mounts: MountBody[] = []
  const kept = new Map(inherited.map((volume) => [volume.target, volume.name]))
  for (const mount of service.volumes ?? []) {
    const target = mount.target ?? ''
    const isAnonymous = mount.type === 'volume' && (mount.source ?? '') === ''
    const name = isAnonymous ? kept.get(target) : undefined
    if (isAnonymous && name !== undefined) kept.delete(target)
    const resolved: Mount = name === undefined ? mount : { ...mount, source: name }
    const volume = mount.type === 'volume' ? brought[mount.source ?? ''] : undefined
    const bind = name === undefined && volume === undefined ? toBind(project, resolved) : undefined
    if (bind === undefined) mounts.push(toMount(project, resolved, volume))
    else binds.push(bind)
  }
  // What is left was declared by the image, not by the service.
  for (const [target, name] of kept) mounts.push({ Type: 'volume', Source: name, Target: target })
  return { binds, mounts }
}

/** What older engines pass over: they would mount more than was asked for, or for more than reading. */
const newer: readonly { readonly since: string; readonly text: string; readonly isUsed: (mount: Mount) => boolean }[] =
  [
    {
      since: '1.44',
      text: 'bind-recursive=readonly requires API v1.44 or later',
      isUsed: (mount) => mount.bind?.recursive === 'readonly',
    },
    {
      since: '1.45',
      text: 'volume subpath requires Docker Engine v26 or later',
      isUsed: (mount) => mount.type === 'volume' && (mount.volume?.subpath ?? '') !== '',
    },
    {
      since: '1.48',
      text: 'volume with type=image require Docker Engine v28 or later',
      isUsed: (mount) => mount.type === 'image',
    },
  ]

/** @throws {compose/unsupported} for mounts that an engine does not know, in the words of docker compose where it has some */
export function checkMounts(service: Service, apiVersion: string): void {
  for (const mount of service.volumes ?? []) {
    const missing = newer.find(({ since, isUsed }) => isUsed(mount) && !isApiAtLeast(apiVersion, since))
    if (missing === undefined) continue
    throw new FlotillaError('compose/unsupported', missing.text, {
      hint: `service "${service.name}", target "${mount.target ?? ''}"`,
    })
  }
}

/** Images that a service mounts as volumes. */
export function imageMounts(service: Service): readonly string[] {
  return (service.volumes ?? [])
    .filter(({ type }) => type === 'image')
    .map(({ source }) => source)
    .filter((source) => source !== undefined)
}

/** `tmpfs: [path:options]` → path → options. */
export function toTmpfs(service: Service): Readonly<Record<string, string>> {
  return Object.fromEntries(
    (service.tmpfs ?? []).map((entry) => {
      const colon = entry.indexOf(':')
      return colon === -1 ? [entry, ''] : [entry.slice(0, colon), entry.slice(colon + 1)]
    }),
  )
}

function toBind(project: Project, mount: Mount): string | undefined {
  if (mount.source === undefined || mount.source === '') return undefined
  if (mount.type === 'bind') {
    if (needsMountApi(mount)) return undefined
    return toBindText(mount.source, mount, mount.bind?.selinux)
  }
  if (mount.type !== 'volume') return undefined
  const { nocopy, subpath, labels } = mount.volume ?? {}
  if (nocopy === true || (subpath ?? '') !== '' || Object.keys(labels ?? {}).length > 0) return undefined
  return toBindText(volumeName(project, mount.source), mount, undefined)
}

function needsMountApi(mount: Mount): boolean {
  const bind = mount.bind
  if (bind === undefined) return false
  return bind.create_host_path !== true || (bind.propagation ?? '') !== '' || (bind.recursive ?? '') !== ''
}

function toBindText(source: string, mount: Mount, selinux: string | undefined): string {
  const options = [mount.read_only === true ? 'ro' : 'rw']
  if (selinux !== undefined) options.push(selinux)
  return `${source}:${mount.target ?? ''}:${options.join(',')}`
}

function volumeName(project: Project, key: string): string {
  return project.volumes[key]?.name ?? key
}

function toMount(project: Project, mount: Mount, made?: VolumeCreateBody): MountBody {
  const isVolume = mount.type === 'volume' || mount.type === 'cluster'
  const source = isVolume && mount.source !== undefined ? volumeName(project, mount.source) : mount.source
  const recursive = mount.bind?.recursive
  const bind = dropEmpty({
    Propagation: mount.bind?.propagation ?? '',
    CreateMountpoint: mount.bind?.create_host_path === true,
    NonRecursive: recursive === 'disabled',
    ReadOnlyNonRecursive: recursive === 'writable',
    ReadOnlyForceRecursive: recursive === 'readonly',
  })
  const volume = dropEmpty({
    NoCopy: mount.volume?.nocopy === true,
    Labels: { ...mount.volume?.labels, ...made?.Labels },
    DriverConfig: dropEmpty({ Name: made?.Driver ?? '', Options: { ...made?.DriverOpts } }),
    Subpath: mount.volume?.subpath ?? '',
  })
  const tmpfs = dropEmpty({ SizeBytes: mount.tmpfs?.size ?? 0, Mode: mount.tmpfs?.mode ?? 0 })
  return {
    Type: mount.type,
    ...(source !== undefined && source !== '' && { Source: source }),
    Target: mount.target ?? '',
    ...(mount.read_only === true && { ReadOnly: true }),
    ...(mount.consistency !== undefined && { Consistency: mount.consistency }),
    ...(mount.type === 'bind' && Object.keys(bind).length > 0 && { BindOptions: bind }),
    ...(isVolume && Object.keys(volume).length > 0 && { VolumeOptions: volume }),
    ...(mount.type === 'tmpfs' && Object.keys(tmpfs).length > 0 && { TmpfsOptions: tmpfs }),
    ...(mount.image?.subpath !== undefined && { ImageOptions: { Subpath: mount.image.subpath } }),
  }
}
