import { createHash } from 'node:crypto'
import { makeDictionary } from '../model/dictionary.ts'
import type { Dictionary } from '../model/dictionary.ts'
import { GoScalar } from '../model/go-scalar.ts'
import type { Project, Written, WrittenService } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { toWhole } from './classic-limits.ts'
import { optionsOf } from './classic-options.ts'
import { mapOf, textsAt, textsIn, Untold } from './classic-written.ts'
import { renderPythonJson } from './python-json.ts'
import type { PythonValue } from './python-json.ts'

/**
 * The `config-hash` docker-compose 1.29 gives a service (compose/service.py config_dict, config/config.py): a digest
 * of the service almost as it is written. So it can be told only where everything is written in files of the project,
 * and only for fields known here.
 *
 * @param imageId of the image the service runs
 * @param ids of the containers the service refers to, by service
 * @returns more than one where the same value may have been written in several ways; none when it cannot be told: then
 *   the container counts as changed, as for docker-compose 2
 */
export function hashServiceClassic(
  project: Project,
  service: Service,
  imageId: string,
  ids: Dictionary<string> = makeDictionary(),
): readonly string[] {
  const written = project.written?.[service.name]
  if (written === undefined) return []
  try {
    return variantsOf(written).map((variant) =>
      createHash('sha256')
        .update(describeClassic(project, service, variant, imageId, ids))
        .digest('hex'),
    )
  } catch (error) {
    if (error instanceof Untold) return []
    throw error
  }
}

/** `cpus: "2"` is a float there and `cpus: 2` none, `cpu_shares: "512"` stays text; here both are numbers. */
function variantsOf(written: WrittenService): readonly WrittenService[] {
  const { cpus, cpu_shares: shares } = written
  const isWhole = typeof cpus === 'number' && Number.isInteger(cpus)
  const variants = isWhole ? [written, { ...written, cpus: new GoScalar('float', String(cpus)) }] : [written]
  if (typeof shares !== 'number') return variants
  return [...variants, ...variants.map((variant) => ({ ...variant, cpu_shares: String(shares) }))]
}

/** The text the hash is taken of. */
export function describeClassic(
  project: Project,
  service: Service,
  written: WrittenService,
  imageId: string,
  ids: Dictionary<string> = makeDictionary(),
): string {
  const networks = networksOf(project, written)
  return renderPythonJson({
    options: optionsOf(project, service, written),
    image_id: imageId,
    links: textsAt(written, 'links').map((link) => {
      const at = link.indexOf(':')
      return at === -1 ? [link, null] : [link.slice(0, at), link.slice(at + 1)]
    }),
    net: netOf(project, written, networks),
    ipc_mode: ipcOf(written['ipc'], ids),
    networks: Object.fromEntries(networks),
    secrets: secretsOf(project, written),
    volumes_from: textsAt(written, 'volumes_from').flatMap((entry) => {
      const [first = '', second = 'rw', third] = entry.split(':')
      if (first === 'container') return []
      if (third !== undefined) throw new Untold()
      return [[first, second]]
    }),
  })
}

/** The engine's name of each network → what the service says of it. */
function networksOf(project: Project, written: WrittenService): readonly (readonly [string, PythonValue])[] {
  if (written['network_mode'] !== undefined) return []
  const value = written['networks']
  const uses = Array.isArray(value)
    ? Object.fromEntries(textsIn(value).map((name) => [name, null]))
    : mapOf(value ?? { default: null })
  const entries = Object.entries(uses).map(
    ([key, use]) => [project.networks[key]?.name ?? key, use ?? {}] as readonly [string, Written],
  )
  const priority = (use: Written): number => Number(mapOf(use)['priority'] ?? 0)
  return entries.sort((a, b) => priority(b[1]) - priority(a[1]) || (a[0] < b[0] ? -1 : 1))
}

function netOf(
  project: Project,
  written: WrittenService,
  networks: readonly (readonly [string, unknown])[],
): PythonValue {
  const mode = written['network_mode']
  // Version 1 has no other network than the engine's, which needs no word there.
  if (project.isVersion1 === true && mode === 'default') return null
  const service = typeof mode === 'string' ? /^service:(.+)$/.exec(mode)?.[1] : undefined
  if (service !== undefined) return service
  if (mode !== undefined) return plainMode(mode)
  return networks[0]?.[0] ?? 'none'
}

/** The container of another service, by its ID. */
function ipcOf(mode: Written | undefined, ids: Dictionary<string>): PythonValue {
  const service = typeof mode === 'string' && mode.startsWith('service:') ? mode.slice('service:'.length) : undefined
  const id = service === undefined ? undefined : ids[service]
  return id === undefined ? plainMode(mode) : `container:${id}`
}

/** A mode that names a container cannot be told without looking. */
function plainMode(mode: Written | undefined): PythonValue {
  if (mode === undefined) return null
  if (typeof mode !== 'string' || /^(?:service|container):/.test(mode)) throw new Untold()
  return mode
}

function secretsOf(project: Project, written: WrittenService): PythonValue {
  const uses = written['secrets']
  if (uses === undefined) return []
  if (!Array.isArray(uses)) throw new Untold()
  return uses.map((use) => {
    const fields = typeof use === 'string' ? { source: use } : mapOf(use)
    const secret = ['source', 'target', 'uid', 'gid', 'mode', 'name'].map((name) =>
      name === 'mode' ? toWhole(fields[name] ?? null) : (fields[name] ?? null),
    )
    const source = fields['source']
    const file = typeof source === 'string' ? project.secrets[source]?.file : undefined
    if (file === undefined) throw new Untold()
    return { file, secret }
  })
}
