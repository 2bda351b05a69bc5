import { createHash } from 'node:crypto'
import type { Project, Written, WrittenService } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { toClassicPorts } from './classic-port.ts'
import { toClassicVolume } from './classic-volume.ts'
import { renderPythonJson } from './python-json.ts'
import type { PythonValue } from './python-json.ts'

/**
 * The `config-hash` docker-compose 1.29 gives a service (compose/service.py config_dict, config/config.py): a digest
 * of the service almost as it is written. So it can be told only where one file holds everything, and only for
 * fields known here.
 *
 * @param imageId of the image the service runs
 * @returns undefined when it cannot be told; then the container counts as changed, as for docker-compose 2
 */
export function hashServiceClassic(project: Project, service: Service, imageId: string): string | undefined {
  const written = project.written?.[service.name]
  if (written === undefined) return undefined
  try {
    return createHash('sha256')
      .update(describeClassic(project, service, written, imageId))
      .digest('hex')
  } catch (error) {
    if (error instanceof Untold) return undefined
    throw error
  }
}

/** Something whose form docker-compose 1 is not known. */
class Untold extends Error {}

/** The text the hash is taken of. */
export function describeClassic(project: Project, service: Service, written: WrittenService, imageId: string): string {
  const networks = networksOf(project, written)
  return renderPythonJson({
    options: optionsOf(project, service, written),
    image_id: imageId,
    links: textsAt(written, 'links').map((link) => {
      const at = link.indexOf(':')
      return at === -1 ? [link, null] : [link.slice(0, at), link.slice(at + 1)]
    }),
    net: netOf(project, written, networks),
    ipc_mode: plainMode(written['ipc']),
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

/** Kept as they are written. */
const kept = new Set(
  (
    'command entrypoint image cap_add cap_drop cgroup_parent container_name cpu_count cpu_percent cpu_period cpu_quota ' +
    'cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset devices device_cgroup_rules dns_opt domainname expose ' +
    'external_links extra_hosts group_add hostname init isolation logging mac_address mem_limit mem_reservation ' +
    'memswap_limit mem_swappiness oom_kill_disable oom_score_adj pids_limit platform privileged profiles read_only ' +
    'runtime shm_size stdin_open stop_grace_period stop_signal storage_opt tty ulimits user userns_mode working_dir'
  ).split(' '),
)

/** Told elsewhere or not at all. */
const leftOut = new Set([
  'networks',
  'network_mode',
  'secrets',
  'links',
  'volumes_from',
  'pid',
  'ipc',
  'scale',
  'env_file',
])

function optionsOf(project: Project, service: Service, written: WrittenService): PythonValue {
  const isVersion1 = project.isVersion1 === true
  const options: Record<string, PythonValue> = { device_requests: null, platform: null }
  if (!isVersion1) options['volumes'] = []
  for (const [key, value] of Object.entries(written)) {
    if (key.startsWith('x-')) continue
    if (kept.has(key)) options[key] = value
    else if (!leftOut.has(key)) options[key] = toOption(project, key, value)
  }
  if ('environment' in written || 'env_file' in written) options['environment'] = environmentOf(service, written)
  const deploy = written['deploy']
  if (deploy !== undefined) {
    delete options['deploy']
    Object.assign(options, limitsOf(deploy))
  }
  return options
}

function toOption(project: Project, key: string, value: Written): PythonValue {
  switch (key) {
    case 'environment':
    case 'deploy':
      return null
    case 'dns':
    case 'dns_search':
    case 'tmpfs':
      return Array.isArray(value) ? value : [value]
    case 'labels':
    case 'sysctls':
      return pairsOf(value, (entry) => (entry === null ? '' : toPythonText(entry)))
    case 'depends_on':
      if (!Array.isArray(value)) return value
      return Object.fromEntries(textsIn(value).map((name) => [name, { condition: 'service_started' }]))
    case 'restart': {
      if (typeof value !== 'string') throw new Untold()
      const [name = '', count = '0'] = value.split(':')
      return value === '' ? null : { Name: name, MaximumRetryCount: Number(count) }
    }
    case 'ports':
      return told(toClassicPorts(value))
    case 'volumes':
      if (!Array.isArray(value)) throw new Untold()
      return value.map((entry) => told(toClassicVolume(project, entry)))
    case 'healthcheck':
      return healthcheckOf(value)
    case 'security_opt':
      return textsIn(value).map((option) => {
        if (option.startsWith('seccomp') && !option.endsWith('unconfined')) throw new Untold()
        return [option, null]
      })
    case 'build':
      if (typeof value !== 'string') throw new Untold()
      return { context: toPath(project, value) }
    default:
      throw new Untold()
  }
}

function told<T>(value: T | undefined): T {
  if (value === undefined) throw new Untold()
  return value
}

function toPath(project: Project, path: string): string {
  if (/^(?:https?:|git|github\.com)/.test(path)) return path
  return told(toClassicVolume(project, `${path === '.' ? './' : path}:/x`))[0] ?? path
}

/** Values keep the type they are written with; what comes from a file is text. */
function environmentOf(service: Service, written: WrittenService): PythonValue {
  const all: Record<string, PythonValue> = { ...service.environment }
  const environment = written['environment']
  if (typeof environment === 'object' && environment !== null && !Array.isArray(environment)) {
    for (const [name, value] of Object.entries(environment)) if (value !== null) all[name] = value
  }
  return all
}

const limitNames = new Set(['cpus', 'memory'])

function limitsOf(deploy: Written): Readonly<Record<string, PythonValue>> {
  const { resources, ...rest } = mapOf(deploy)
  const { limits, ...others } = mapOf(resources ?? {})
  const found = mapOf(limits ?? {})
  const isMore = Object.keys(rest).some((key) => key !== 'replicas') || Object.keys(others).length > 0
  if (isMore || Object.keys(found).some((key) => !limitNames.has(key))) throw new Untold()
  if (limits === undefined) return {}
  const cpus = found['cpus']
  return { mem_limit: found['memory'] ?? null, ...(cpus !== undefined && { cpus: toFloat(Number(cpus)) }) }
}

/** Python tells 1.0 from 1. */
function toFloat(value: number): PythonValue {
  if (Number.isInteger(value)) throw new Untold()
  return value
}

const nanos: Readonly<Record<string, number>> = { h: 3600e9, m: 60e9, s: 1e9, ms: 1e6, us: 1e3, ns: 1 }

function healthcheckOf(value: Written): PythonValue {
  const { disable, ...check } = mapOf(value)
  const made: Record<string, PythonValue> = { ...check }
  if (disable !== undefined) made['test'] = ['NONE']
  for (const field of ['interval', 'timeout', 'start_period']) {
    const text = check[field]
    if (typeof text !== 'string') continue
    const parts = [...text.matchAll(/(\d+)(h|ms|m|us|ns|s)/g)]
    if (parts.map(([part]) => part).join('') !== text) throw new Untold()
    made[field] = parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (nanos[unit] ?? 0), 0)
  }
  return made
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
  if (project.isVersion1 === true && mode === 'bridge') return null
  const service = typeof mode === 'string' ? /^service:(.+)$/.exec(mode)?.[1] : undefined
  if (service !== undefined) return service
  if (mode !== undefined) return plainMode(mode)
  return networks[0]?.[0] ?? 'none'
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
    const secret = ['source', 'target', 'uid', 'gid', 'mode', 'name'].map((name) => fields[name] ?? null)
    const source = fields['source']
    const file = typeof source === 'string' ? project.secrets[source]?.file : undefined
    if (file === undefined) throw new Untold()
    return { file, secret }
  })
}

function pairsOf(value: Written, map: (entry: Written) => PythonValue): PythonValue {
  if (!Array.isArray(value)) {
    return Object.fromEntries(Object.entries(mapOf(value)).map(([key, entry]) => [key, map(entry)]))
  }
  return Object.fromEntries(
    textsIn(value).map((entry) => {
      const at = entry.indexOf('=')
      return at === -1 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
    }),
  )
}

function toPythonText(value: Written): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' && Number.isInteger(value)) return String(value)
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  throw new Untold()
}

function mapOf(value: Written): Readonly<Record<string, Written>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new Untold()
}

function textsIn(value: Written): readonly string[] {
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value
  throw new Untold()
}

function textsAt(written: WrittenService, key: string): readonly string[] {
  const value = written[key]
  return value === undefined ? [] : textsIn(value)
}
