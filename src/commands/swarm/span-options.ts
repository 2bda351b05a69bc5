import { isIP } from 'node:net'
import type { ListenAddress } from '../../cluster/api/listen.ts'
import type { EndpointOptions } from '../../cluster/endpoint.ts'
import type { OverlayOptions } from '../../cluster/native-swarm/form-swarm.ts'
import { defaultPortRange } from '../../cluster/ports/port-forwarder.ts'
import type { PortOptions } from '../../cluster/ports/port-forwarder.ts'
import { FlotillaError } from '../../core/errors.ts'

function invalid(key: string, wanted: string, value: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', `${key} should be ${wanted}, ${JSON.stringify(value)} is invalid`)
}

/** What of the fleet is common to all nodes. */
export type SpanOptions = Pick<EndpointOptions, 'distribution' | 'overlay'> & {
  /** Present: ports are forwarded; without `hosts` where the endpoint listens. */
  readonly ports?: Pick<PortOptions, 'range'> & Partial<PortOptions>
}

/**
 * Reads where images come from, whether networks span the nodes and where published ports answer out of the values of
 * `--cluster-opt`. Keys of others are left to them.
 *
 * @throws {cluster/invalid-option} also for what does not count because `swarm.overlay` or `swarm.ports` is off
 */
export function readSpanOptions(values: readonly string[]): SpanOptions {
  const options = new Map<string, string>()
  for (const value of values) {
    const cut = value.indexOf('=')
    if (cut > 0) options.set(value.slice(0, cut), value.slice(cut + 1))
  }
  const distribution = options.get('swarm.distribution') ?? 'peer'
  if (distribution !== 'peer' && distribution !== 'pull') {
    throw invalid('swarm.distribution', 'peer or pull', distribution)
  }
  const overlay = readOverlay(options)
  const ports = readPorts(options)
  return {
    distribution,
    ...(overlay === undefined ? {} : { overlay }),
    ...(ports === undefined ? {} : { ports }),
  }
}

function readPorts(options: ReadonlyMap<string, string>): SpanOptions['ports'] | undefined {
  const addresses = options.get('swarm.ports.address')?.split(',')
  for (const address of addresses ?? []) {
    if (isIP(address) === 0) throw invalid('swarm.ports.address', 'IP addresses of this machine', address)
  }
  const text = options.get('swarm.ports.range') ?? `${defaultPortRange.from}-${defaultPortRange.to}`
  const [from, to] = /^(\d{1,5})-(\d{1,5})$/.exec(text)?.slice(1).map(Number) ?? []
  if (from === undefined || to === undefined || from < 1 || to < from || to > 65_535) {
    throw invalid('swarm.ports.range', 'a range of ports like 61000-65535', text)
  }
  const value = options.get('swarm.ports') ?? 'node'
  if (value !== 'forward' && value !== 'node') throw invalid('swarm.ports', 'node or forward', value)
  if (value === 'node') return undefined
  return { ...(addresses === undefined ? {} : { hosts: addresses }), range: { from, to } }
}

/** Ports answer where the endpoint does, unless other addresses are named. */
export function placePorts(ports: SpanOptions['ports'], listen: readonly ListenAddress[]): PortOptions | undefined {
  if (ports === undefined) return undefined
  const hosts = new Set(ports.hosts ?? listen.map(hostOf))
  // Who listens on every address cannot listen on one of them too.
  const every = ['::', '0.0.0.0'].find((host) => hosts.has(host))
  return { ...ports, hosts: every === undefined ? [...hosts] : [every] }
}

/** Whoever uses a Unix socket is on this machine. */
function hostOf(address: ListenAddress): string {
  if (address.kind === 'unix') return '127.0.0.1'
  return address.host === '' ? '::' : address.host
}

function readOverlay(options: ReadonlyMap<string, string>): OverlayOptions | undefined {
  const pools = options.get('swarm.overlay.pool')?.split(',')
  for (const pool of pools ?? []) {
    if (!/^[0-9a-fA-F.:]+\/\d{1,3}$/.test(pool)) {
      throw invalid('swarm.overlay.pool', 'address ranges like 10.20.0.0/16', pool)
    }
  }
  const size = readWhole(options, 'swarm.overlay.subnetsize', 1, 29)
  const port = readWhole(options, 'swarm.overlay.port', 1024, 49_151)
  const value = options.get('swarm.overlay') ?? 'off'
  if (value !== 'on' && value !== 'off') throw invalid('swarm.overlay', 'on or off', value)
  if (value === 'off') return undefined
  return {
    ...(pools === undefined ? {} : { addressPools: pools }),
    ...(size === undefined ? {} : { subnetSize: size }),
    ...(port === undefined ? {} : { dataPathPort: port }),
  }
}

function readWhole(options: ReadonlyMap<string, string>, key: string, least: number, most: number): number | undefined {
  const text = options.get(key)
  if (text === undefined) return undefined
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= least && number <= most) return number
  throw invalid(key, `a number from ${least} to ${most}`, text)
}
