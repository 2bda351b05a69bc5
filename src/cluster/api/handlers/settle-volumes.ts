import { waitAtMost } from '../../../core/deadline.ts'
import type { Member } from '../../member.ts'
import { PROJECT_LABEL } from '../../project-label.ts'
import { isFields, readFields, readList, readText, readTexts } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import type { Api } from '../call.ts'
import { splitNodeName } from '../merge.ts'

const readMs = 2000

/** A create body whose volumes have bare names, and the nodes that were named with them. */
export interface SettledVolumes {
  readonly body: Fields
  readonly nodes: readonly string[]
}

/** Volumes of a create call may be written as lists print them: `NODE/name` means the one there. */
export function settleVolumes(api: Api, body: Fields): SettledVolumes {
  const nodes = new Set<string>()
  const settle = (name: string): string => {
    // A path is no volume.
    const target = splitNodeName(name, (reference) =>
      name.startsWith('/') ? undefined : api.cluster.directory.findNode(reference),
    )
    // Without its node, `NODE//etc` would be a path.
    if (target.node === undefined || !isVolumeName(target.name)) return name
    nodes.add(target.node.name)
    return target.name
  }
  const hostConfig = readFields(body, 'HostConfig')
  const binds = readList(hostConfig, 'Binds').map((bind) => {
    if (typeof bind !== 'string') return bind
    const [source = '', ...rest] = bind.split(':')
    return rest.length === 0 ? bind : [settle(source), ...rest].join(':')
  })
  const mounts = readList(hostConfig, 'Mounts').map((mount) => {
    if (!isFields(mount) || readText(mount, 'Type') !== 'volume') return mount
    const source = readText(mount, 'Source')
    return source === '' ? mount : { ...mount, Source: settle(source) }
  })
  if (nodes.size === 0) return { body, nodes: [] }
  const changed = {
    ...hostConfig,
    ...(binds.length > 0 && { Binds: binds }),
    ...(mounts.length > 0 && { Mounts: mounts }),
  }
  return { body: { ...body, HostConfig: changed }, nodes: [...nodes] }
}

/** As engines have it for volumes of theirs; what looks otherwise may be a path to them. */
function isVolumeName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)
}

/** From now on the data of its volumes is where the container was made: known before the engine is read. */
export function noteVolumes(api: Api, member: Member, body: Fields): void {
  const { volumeUses } = api.cluster
  for (const name of volumesIn(body)) {
    if (!isVolumeName(name)) continue
    if (isOfProject(body)) volumeUses.note(name, { kind: 'on', engineId: member.view.engineId })
    else volumeUses.noteOutsider(name)
  }
}

/** Whether a body makes a container of a Compose project. */
export function isOfProject(body: Fields): boolean {
  return readText(readFields(body, 'Labels'), PROJECT_LABEL) !== ''
}

/**
 * Reads volumes that an engine made together with a container: the next container that names one goes where it is. An
 * engine that is slow to tell keeps nobody waiting for long.
 */
export async function readNewVolumes(api: Api, member: Member, body: Fields): Promise<void> {
  const isKnown = (name: string): boolean =>
    api.cluster.directory.volumeHolders(name).some(({ node }) => node.addr === member.addr)
  const reads = [...volumesIn(body)].filter((name) => isVolumeName(name) && !isKnown(name))
  if (reads.length === 0) return
  const { clock } = api.cluster
  await waitAtMost(
    clock,
    Promise.all(reads.map((name) => api.cluster.changed(member, { what: 'volume', name }))),
    readMs,
  )
}

/** Names of the volumes of a settled body. */
export function volumesIn(body: Fields): ReadonlySet<string> {
  const hostConfig = readFields(body, 'HostConfig')
  const names = new Set<string>()
  for (const bind of readTexts(hostConfig, 'Binds')) {
    const [source = '', ...rest] = bind.split(':')
    if (rest.length > 0 && !/^[./\\]/.test(source)) names.add(source)
  }
  for (const mount of readList(hostConfig, 'Mounts')) {
    if (isFields(mount) && readText(mount, 'Type') === 'volume') names.add(readText(mount, 'Source'))
  }
  names.delete('')
  return names
}
