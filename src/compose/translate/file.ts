import * as posix from 'node:path/posix'
import { FlotillaError } from '../../core/errors.ts'
import { materialKey } from '../model/material.ts'
import type { FileKind, Materials } from '../model/material.ts'
import type { FileReference } from '../model/mount.ts'
import type { Project } from '../model/project.ts'
import type { FileObject } from '../model/resource.ts'
import type { Service } from '../model/service.ts'
import type { MountBody } from './body.ts'
import { imageMounts, toTmpfs } from './mount.ts'
import { toSecurity } from './security.ts'
import type { Security } from './security.ts'

/** One config or secret that is written into a container between its creation and its start. */
export interface FileCopy {
  readonly kind: FileKind
  /** Key in the file; the content is found by it. */
  readonly name: string
  /** Absolute path in the container. */
  readonly target: string
  readonly uid: number
  readonly gid: number
  readonly mode: number
}

/** How the configs and secrets of a service reach its containers. */
export interface FileDelivery {
  /** Mounted from the engine's own disk. */
  readonly mounts: readonly MountBody[]
  readonly copies: readonly FileCopy[]
  /** `secret:name=fingerprint` of everything that was read, comma separated, for a label; '' for nothing. */
  readonly fingerprints: string
  readonly security: Security
  /** What the user should know. */
  readonly warnings: readonly string[]
}

/** Read for everyone: what a copied file has when the service says nothing else. */
const defaultMode = 0o444

/**
 * Decides for each config and secret of a service whether it is mounted or copied. Mounted is a file on the
 * engine's own computer with nothing said of owner and mode; everything else is copied.
 *
 * @throws {compose/unsupported} for drivers, for what is external and could not be read, and for copies into a
 *   container whose root is read-only, in the reference program's words
 * @throws {compose/not-found} for a file to be copied that is not there
 * @throws {compose/invalid} for an owner that is no number
 */
export function deliverFiles(project: Project, service: Service, materials: Materials): FileDelivery {
  const mounts: MountBody[] = []
  const copies: FileCopy[] = []
  const fingerprints: string[] = []
  const warnings: string[] = []
  for (const { kind, uses, objects } of kindsOf(project, service)) {
    for (const use of uses) {
      const object = objects[use.source]
      if (object === undefined) continue
      checkSupported(kind, object)
      const { fingerprint, content } = materials.entries.get(materialKey(kind, use.source)) ?? {}
      if (fingerprint !== undefined) fingerprints.push(`${materialKey(kind, use.source)}=${fingerprint}`)
      const cover = coveringTmpfs(service, toTarget(kind, use))
      if (isMounted(object, use, service, materials, cover !== undefined)) {
        if (hasOwner(use))
          warnings.push(`${kind}s \`uid\`, \`gid\` and \`mode\` are not supported, they will be ignored`)
        if (fingerprint === undefined && materials.entries.has(materialKey(kind, use.source))) {
          warnings.push(`${kind} file ${object.name} does not exist`)
        }
        mounts.push({ Type: 'bind', Source: object.file ?? '', Target: toTarget(kind, use), ReadOnly: true })
        continue
      }
      checkCopy(kind, use.source, object, service, content !== undefined)
      if (cover !== undefined) {
        const reason = 'is written before the start, and not to be seen below its tmpfs'
        warnings.push(`${kind} "${object.name}" of service "${service.name}" ${reason} "${cover}"`)
      }
      copies.push({
        kind,
        name: use.source,
        target: toTarget(kind, use),
        uid: toOwner(service, kind, 'uid', use.uid),
        gid: toOwner(service, kind, 'gid', use.gid),
        mode: use.mode ?? defaultMode,
      })
    }
  }
  for (const image of imageMounts(service)) {
    const { fingerprint } = materials.entries.get(materialKey('image', image)) ?? {}
    if (fingerprint !== undefined) fingerprints.push(`${materialKey('image', image)}=${fingerprint}`)
  }
  const security = toSecurity(project, service, materials)
  return { mounts, copies, fingerprints: fingerprints.join(','), security, warnings }
}

/** The configs and secrets a service uses. */
export function kindsOf(
  project: Project,
  service: Service,
): readonly {
  readonly kind: FileKind
  readonly uses: readonly FileReference[]
  readonly objects: Project['secrets']
}[] {
  return [
    { kind: 'secret', uses: service.secrets ?? [], objects: project.secrets },
    { kind: 'config', uses: service.configs ?? [], objects: project.configs },
  ]
}

function checkSupported(kind: FileKind, object: FileObject): void {
  for (const field of ['driver', 'template_driver'] as const) {
    if ((object[field] ?? '') === '') continue
    throw new FlotillaError('compose/unsupported', `Docker Compose does not support ${kind}s.*.${field}`)
  }
}

function hasOwner(use: FileReference): boolean {
  return use.uid !== undefined || use.gid !== undefined || use.mode !== undefined
}

function isMounted(
  object: FileObject,
  use: FileReference,
  service: Service,
  materials: Materials,
  isCovered: boolean,
): boolean {
  if (object.external === true || object.file === undefined || materials.isRemote) return false
  // Into a read-only root nothing can be copied, and a copy below a tmpfs is covered by it at the start: there a mount
  // without its owner is the better half.
  return !hasOwner(use) || service.read_only === true || isCovered
}

/** The tmpfs of a service in which a path lies: it is mounted when the container starts, over what was copied there. */
function coveringTmpfs(service: Service, path: string): string | undefined {
  const mounted = (service.volumes ?? []).flatMap(({ type, target }) => (type === 'tmpfs' ? [target ?? ''] : []))
  return [...Object.keys(toTmpfs(service)), ...mounted].find((folder) => {
    const start = posix.join('/', folder, '/')
    return start !== '/' && posix.normalize(path).startsWith(start)
  })
}

function checkCopy(kind: FileKind, name: string, object: FileObject, service: Service, isKnown: boolean): void {
  if (service.read_only === true) {
    const reason =
      object.file === undefined ? {} : { hint: 'the file is on this computer and the engine on another one' }
    throw new FlotillaError(
      'compose/unsupported',
      `cannot create ${kind} "${object.name}" in read-only service ${service.name}: \`file\` is the sole supported option`,
      reason,
    )
  }
  if (isKnown) return
  if (object.external === true) {
    const hint =
      kind === 'secret'
        ? 'no engine gives out what a swarm secret holds; only services of the swarm itself can use it'
        : 'configs of a swarm can be used where the endpoint is one of its managers and has the config'
    throw new FlotillaError('compose/unsupported', `unsupported external ${kind} ${object.name}`, { hint })
  }
  if (object.file === undefined) {
    throw new FlotillaError('compose/unsupported', `${kind} "${name}" of service "${service.name}" has no content`)
  }
  throw new FlotillaError('compose/not-found', `${kind} "${name}": open ${object.file}: no such file`, {
    hint: `service "${service.name}" uses it, and the engine is on another computer or an owner or mode is asked for`,
  })
}

/** Where relative targets start is the kind's: `/run/secrets`, or the root. */
function toTarget(kind: FileKind, use: FileReference): string {
  const target = use.target === undefined || use.target === '' ? use.source : use.target
  if (target.startsWith('/') || /^[a-zA-Z]:\\/.test(target)) return target
  return kind === 'secret' ? `/run/secrets/${target}` : `/${target}`
}

function toOwner(service: Service, kind: FileKind, field: string, text: string | undefined): number {
  if (text === undefined || text === '') return 0
  if (/^\d{1,10}$/.test(text)) return Number(text)
  throw new FlotillaError('compose/invalid', `services.${service.name}.${kind}s.${field}: "${text}" is not a number`)
}
