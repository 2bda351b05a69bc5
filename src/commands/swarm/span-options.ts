import type { EndpointOptions } from '../../cluster/endpoint.ts'
import type { OverlayOptions } from '../../cluster/native-swarm/form-swarm.ts'
import { FlotillaError } from '../../core/errors.ts'

function invalid(key: string, wanted: string, value: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', `${key} should be ${wanted}, ${JSON.stringify(value)} is invalid`)
}

/** What of the fleet is common to all nodes. */
export type SpanOptions = Pick<EndpointOptions, 'distribution' | 'overlay'>

/**
 * Reads where images come from and whether networks span the nodes out of the values of `--cluster-opt`. Keys of others
 * are left to them.
 *
 * @throws {cluster/invalid-option} also for what does not count because `swarm.overlay` is off
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
  return { distribution, ...(overlay === undefined ? {} : { overlay }) }
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
