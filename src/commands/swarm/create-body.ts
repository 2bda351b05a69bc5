import { parseBinarySize } from '../../core/bytes.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import type { explainFlags } from './cluster-flags.ts'

type Body = Record<string, unknown>

/**
 * The body of the create call that `docker run` with these flags would send, as far as it matters for the place.
 *
 * @param given a body that the flags add to
 * @throws {cluster/invalid-option} naming the flag
 */
export function toCreateBody(flags: FlagValues<typeof explainFlags>, image: string | undefined, given: Body): Body {
  const hostConfig: Body = { ...toObject(given['HostConfig']) }
  const body: Body = { ...given, HostConfig: hostConfig }
  if (image !== undefined) body['Image'] = image
  append(body, 'Env', flags.env)
  append(hostConfig, 'Binds', flags.volume)
  append(hostConfig, 'VolumesFrom', flags['volumes-from'])
  append(hostConfig, 'Links', flags.link)
  if (flags.label.length > 0) body['Labels'] = { ...toObject(given['Labels']), ...readLabels(flags.label) }
  if (flags.memory !== undefined) hostConfig['Memory'] = readSize('memory', flags.memory)
  if (flags['cpu-shares'] !== undefined) hostConfig['CpuShares'] = flags['cpu-shares']
  if (flags.cpus !== undefined) hostConfig['NanoCpus'] = readCpus(flags.cpus)
  if (flags.gpus !== undefined) append(hostConfig, 'DeviceRequests', [readGpus(flags.gpus)])
  if (flags.network !== undefined) hostConfig['NetworkMode'] = flags.network
  const ports = flags.publish.flatMap(readPorts)
  if (ports.length > 0) {
    const bindings: Record<string, unknown[]> = {}
    for (const { target, binding } of ports) (bindings[target] ??= []).push(binding)
    hostConfig['PortBindings'] = { ...toObject(hostConfig['PortBindings']), ...bindings }
    const exposed = Object.fromEntries(ports.map(({ target }) => [target, {}]))
    body['ExposedPorts'] = { ...toObject(given['ExposedPorts']), ...exposed }
  }
  return body
}

function toObject(value: unknown): Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}

function append(target: Body, key: string, values: readonly unknown[]): void {
  if (values.length === 0) return
  const before: readonly unknown[] = Array.isArray(target[key]) ? target[key] : []
  target[key] = [...before, ...values]
}

function readLabels(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const cut = text.indexOf('=')
      return cut < 0 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1)]
    }),
  )
}

/** @throws {cluster/invalid-option} naming the flag */
export function readSize(flag: string, text: string): number {
  try {
    return parseBinarySize(text)
  } catch (error) {
    throw invalid(flag, text, 'a size such as 512m', error)
  }
}

function readCpus(cpus: number): number {
  const nanos = Math.round(cpus * 1e9)
  if (cpus < 0 || !Number.isSafeInteger(nanos) || (cpus !== 0 && nanos === 0)) {
    throw invalid('cpus', String(cpus), 'a number of CPUs, at least 0.000000001')
  }
  return nanos
}

/** docker/cli opts/gpus.go: `all`, a number, or fields with `count=` and `device=`. */
function readGpus(text: string): Body {
  const request: Body = { Driver: '', Count: 0, Capabilities: [['gpu']] }
  const bare = text.replaceAll('"', '')
  if (bare === 'all') return { ...request, Count: -1 }
  if (/^\d+$/.test(bare)) return { ...request, Count: Number(bare) }
  const device = /(?:^|,)device=(.+)$/.exec(bare)?.[1]
  if (device !== undefined) return { ...request, DeviceIDs: device.split(',') }
  const count = /^count=(all|\d+)$/.exec(bare)?.[1]
  if (count !== undefined) return { ...request, Count: count === 'all' ? -1 : Number(count) }
  throw invalid('gpus', text, 'all, a number, or device=ID,ID')
}

interface PortBinding {
  readonly target: string
  readonly binding: { readonly HostIp: string; readonly HostPort: string }
}

function readPorts(text: string): readonly PortBinding[] {
  const match = /^(?:(?:(\[[0-9a-fA-F:.]+\]|[^:[\]]*):)?(\d+(?:-\d+)?)?:)?(\d+(?:-\d+)?)(?:\/(tcp|udp|sctp))?$/.exec(
    text,
  )
  if (match === null) throw invalid('publish', text, '[[IP:]HOST:]CONTAINER[/PROTOCOL]')
  const [, ip = '', host = '', container = '', protocol = 'tcp'] = match
  const targets = readRange(container)
  const hosts = host === '' ? [] : readRange(host)
  const HostIp = ip.replace(/^\[|\]$/g, '')
  if (targets.length === 1) {
    return [{ target: `${container}/${protocol}`, binding: { HostIp, HostPort: host } }]
  }
  if (hosts.length > 0 && hosts.length !== targets.length) throw invalid('publish', text, 'ranges of one length')
  return targets.map((port, index) => {
    const hostPort = hosts[index]
    return {
      target: `${String(port)}/${protocol}`,
      binding: { HostIp, HostPort: hostPort === undefined ? '' : String(hostPort) },
    }
  })
}

function readRange(text: string): readonly number[] {
  const [from = 0, to = from] = text.split('-').map(Number)
  if (from < 1 || to < from || to > 65_535) throw invalid('publish', text, 'ports from 1 to 65535')
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

function invalid(flag: string, text: string, wanted: string, cause?: unknown): FlotillaError {
  return new FlotillaError('cluster/invalid-option', `invalid --${flag} ${JSON.stringify(text)}: not ${wanted}`, {
    cause,
  })
}
