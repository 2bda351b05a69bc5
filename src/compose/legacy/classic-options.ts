import type { Project, Written, WrittenService } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { isRemoteContext } from './classic-extends.ts'
import { blkioOf, deviceRequestsOf, limitsOf, restartOf, toWhole } from './classic-limits.ts'
import { toClassicPorts } from './classic-port.ts'
import { toClassicPath, toClassicVolume } from './classic-volume.ts'
import { isWrittenMap, mapOf, pairsIn, textsIn, told, toPythonText, Untold } from './classic-written.ts'
import type { PythonValue } from './python-json.ts'

/** Kept as they are written. */
const kept = new Set(
  (
    'command entrypoint image cap_add cap_drop cgroup_parent container_name cpu_count cpu_percent cpu_period cpu_quota ' +
    'cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset devices device_cgroup_rules dns_opt domainname expose ' +
    'external_links extra_hosts group_add hostname init isolation logging mac_address mem_limit mem_reservation ' +
    'memswap_limit oom_kill_disable oom_score_adj pids_limit platform privileged profiles read_only ' +
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
  'environment',
  'deploy',
  // Of no effect there (compose/project.py translate_deploy_keys_to_container_config).
  'configs',
  'credential_spec',
])

/** The options of a service as docker-compose 1 keeps them (compose/config/config.py process_service, finalize_service). */
export function optionsOf(project: Project, service: Service, written: WrittenService): PythonValue {
  const deploy = isWrittenMap(written['deploy']) ? written['deploy'] : {}
  const options: Record<string, PythonValue> = { device_requests: deviceRequestsOf(deploy), platform: null }
  if (project.isVersion1 !== true) options['volumes'] = []
  else if (service.volume_driver !== undefined) options['volume_driver'] = service.volume_driver
  for (const [key, value] of Object.entries(written)) {
    if (kept.has(key) || key.startsWith('x-')) options[key] = value
    else if (!leftOut.has(key)) options[key] = toOption(project, service, key, value)
  }
  if ('environment' in written || 'env_file' in written) options['environment'] = environmentOf(service, written)
  const specification = written['credential_spec']
  if (specification !== undefined) options['security_opt'] = [credentialOf(specification)]
  const restart = restartOf(deploy)
  return { ...options, ...limitsOf(deploy), ...(restart !== undefined && { restart }) }
}

function toOption(project: Project, service: Service, key: string, value: Written): PythonValue {
  switch (key) {
    case 'dns':
    case 'dns_search':
    case 'tmpfs':
      return Array.isArray(value) ? value : [value]
    case 'labels':
      return labelsOf(value)
    case 'sysctls':
      return Object.fromEntries(pairsIn(value).map(([name, entry]) => [name, toPythonText(entry ?? '')]))
    case 'depends_on':
      if (!Array.isArray(value)) return value
      return Object.fromEntries(textsIn(value).map((name) => [name, { condition: 'service_started' }]))
    case 'restart': {
      if (typeof value !== 'string') throw new Untold()
      const [name = '', count = '0'] = value.split(':')
      return value === '' ? null : { Name: name, MaximumRetryCount: Number(count) }
    }
    case 'mem_swappiness':
      return toWhole(value)
    case 'blkio_config':
      return blkioOf(value)
    case 'ports':
      return told(toClassicPorts(value))
    case 'volumes': {
      if (!Array.isArray(value)) throw new Untold()
      return value.map((entry) => told(toClassicVolume(project, entry, service.volume_driver !== undefined)))
    }
    case 'healthcheck':
      return healthcheckOf(value)
    case 'security_opt':
      return textsIn(value).map((option) => {
        if (option.startsWith('seccomp') && !option.endsWith('unconfined')) throw new Untold()
        return [option, null]
      })
    case 'build':
      return buildOf(project, value)
    default:
      throw new Untold()
  }
}

/** Takes the place of all other security options (compose/project.py translate_credential_spec_to_security_opt). */
function credentialOf(value: Written): PythonValue {
  const { file, registry } = mapOf(value)
  if (typeof file === 'string') return `credentialspec=file://${file}`
  if (typeof registry !== 'string') throw new Untold()
  return `credentialspec=registry://${registry}`
}

function labelsOf(value: Written): PythonValue {
  return Object.fromEntries(pairsIn(value).map(([name, entry]) => [name, entry === null ? null : toPythonText(entry)]))
}

/** compose/config/config.py normalize_build: paths and pairs are brought into one form, the rest stays. */
function buildOf(project: Project, value: Written): PythonValue {
  if (typeof value === 'string') return { context: toContext(project, value) }
  const { context, args, labels, ...rest } = mapOf(value)
  if (context !== undefined && typeof context !== 'string') throw new Untold()
  const given = args === undefined ? [] : pairsIn(args, null)
  return {
    ...rest,
    ...(context !== undefined && { context: toContext(project, context) }),
    ...(labels !== undefined && { labels: labelsOf(labels) }),
    // What is written without a value has that of the environment, or none.
    ...(args !== undefined && {
      args: Object.fromEntries(
        given.map(([name, entry]) => [name, toPythonText(entry ?? project.environment[name] ?? '')]),
      ),
    }),
  }
}

function toContext(project: Project, path: string): string {
  return isRemoteContext(path) ? path : toClassicPath(project, path)
}

/** Values keep the type they are written with; what comes from a file is text. */
function environmentOf(service: Service, written: WrittenService): PythonValue {
  const all: Record<string, PythonValue> = { ...service.environment }
  const environment = written['environment']
  if (isWrittenMap(environment)) {
    for (const [name, value] of Object.entries(environment)) if (value !== null) all[name] = value
  }
  return all
}

/** Seconds of each unit, in the order they may stand in (compose/timeparse.py). */
const seconds = [3600, 60, 1, 1 / 1000, 1 / 1000 / 1000, 1 / 1000 / 1000 / 1000]
const duration =
  /^\s*(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?(?:([\d.]+)ms)?(?:([\d.]+)(?:us|µs))?(?:([\d.]+)ns)?\s*$/i

function healthcheckOf(value: Written): PythonValue {
  const { disable, ...check } = mapOf(value)
  const made: Record<string, PythonValue> = { ...check }
  if (disable !== undefined) made['test'] = ['NONE']
  for (const field of ['interval', 'timeout', 'start_period']) {
    const text = check[field]
    if (typeof text !== 'string') continue
    const match = duration.exec(text)
    if (match === null) throw new Untold()
    const total = match.slice(1).reduce((sum, count: string | undefined, index) => {
      return count === undefined ? sum : sum + (seconds[index] ?? 0) * Number(count)
    }, 0)
    made[field] = Math.trunc(total * 1e9)
  }
  return made
}
