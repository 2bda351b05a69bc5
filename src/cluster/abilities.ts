import { readField, readFields, readTexts } from './wire.ts'
import type { Fields } from './wire.ts'

/** What an engine says in /info that it can do, besides what placing goes by. */
export interface Abilities {
  /** Names of drivers, built in and plugged in, by kind. */
  readonly drivers: Readonly<Record<DriverKind, readonly string[]>>
  /** Abilities that it says it lacks, `OomKillDisable` for one; what it says nothing of does not count. */
  readonly lacks: readonly Flag[]
}

const driverKinds = ['Volume', 'Network', 'Authorization', 'Log'] as const
type DriverKind = (typeof driverKinds)[number]

const flags = [
  'MemoryLimit',
  'SwapLimit',
  'CpuCfsPeriod',
  'CpuCfsQuota',
  'CPUShares',
  'CPUSet',
  'PidsLimit',
  'IPv4Forwarding',
  'BridgeNfIptables',
  'BridgeNfIp6tables',
  'OomKillDisable',
] as const
type Flag = (typeof flags)[number]

/** Of an engine that has said nothing. */
export const noAbilities: Abilities = {
  drivers: { Volume: [], Network: [], Authorization: [], Log: [] },
  lacks: [],
}

export function readAbilities(info: Fields): Abilities {
  const plugins = readFields(info, 'Plugins')
  const read = (kind: DriverKind): readonly string[] => readTexts(plugins, kind)
  return {
    drivers: {
      Volume: read('Volume'),
      Network: read('Network'),
      Authorization: read('Authorization'),
      Log: read('Log'),
    },
    lacks: flags.filter((flag) => readField(info, flag) === false),
  }
}

export function isSameAbilities(a: Abilities, b: Abilities): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}

/** `Plugins` and the flags of `GET /info` of the cluster. */
export interface ClusterAbilities {
  /** Names that a node has, in order. */
  readonly drivers: Readonly<Record<DriverKind, readonly string[]>>
  /** True unless a node says that it lacks it: a container may come to any of them. */
  readonly flags: Readonly<Record<Flag, boolean>>
}

export function joinAbilities(nodes: readonly Abilities[]): ClusterAbilities {
  const lacking = new Set(nodes.flatMap(({ lacks }) => lacks))
  const join = (kind: DriverKind): readonly string[] =>
    [...new Set(nodes.flatMap(({ drivers }) => drivers[kind]))].sort()
  return {
    drivers: {
      Volume: join('Volume'),
      Network: join('Network'),
      Authorization: join('Authorization'),
      Log: join('Log'),
    },
    flags: Object.fromEntries(flags.map((flag) => [flag, !lacking.has(flag)])) as Record<Flag, boolean>,
  }
}
