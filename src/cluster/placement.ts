import type { Filter } from './filters/filter.ts'
import type { GpuAsk } from './gpus.ts'
import type { NodeView, PortClaim } from './model.ts'
import type { Platform } from './platform.ts'
import type { Strategy } from './strategies/strategy.ts'

/** One `KEY==VALUE` or `KEY!=VALUE` condition. */
export interface Expression {
  readonly key: string
  readonly isNegated: boolean
  /** Without the leading `~`. */
  readonly value: string
  readonly isSoft: boolean
  /** True when `matches` is equality with `value`. */
  readonly isLiteral: boolean
  /** Set where matching may take long: regular expressions and stars. */
  readonly isCostly?: boolean
  /** Whether a candidate value matches, before negation. */
  readonly matches: (candidate: string) => boolean
}

/** Conditions of one kind: all that could be read, and what was wrong with the first that could not. */
export interface ExpressionList {
  readonly expressions: readonly Expression[]
  readonly problem: string | undefined
  /** The problem is one of our limits, and not how it is written. */
  readonly isBeyondLimit?: boolean
  /** Set where conditions among the first `count` are costly to match: see `judgePatterns`. */
  readonly patterns?: PatternKeys | undefined
}

/** Equal for lists that mean the same. */
export interface PatternKeys {
  readonly key: string
  /** When soft conditions are ignored. */
  readonly hardKey: string
  readonly count: number
  readonly hasSoft: boolean
}

/** Where a container may go and what it needs there; everything a filter or strategy may look at. */
export interface PlacementRequest {
  readonly name: string
  readonly image: string
  /** 10⁻⁹ CPUs. */
  readonly nanoCpus: number
  readonly memoryBytes: number
  readonly gpus: GpuAsk
  /** Absent: what the image says is not known here. */
  readonly platform: Platform | undefined
  readonly networkMode: string
  readonly ports: readonly PortClaim[]
  /** `80/tcp` list, looked at in host mode. */
  readonly exposed: readonly string[]
  /** `VolumesFrom` entries as given. */
  readonly volumesFrom: readonly string[]
  /** `Links` entries as given. */
  readonly links: readonly string[]
  /** Containers whose namespaces are joined, with the option that asked for it: `--net=container:X`. */
  readonly joins: readonly { readonly flag: string; readonly container: string }[]
  readonly constraints: ExpressionList
  readonly affinities: ExpressionList
  readonly whitelists: ExpressionList
  /** Second round: soft expressions no longer refuse a node. */
  readonly isSoftIgnored: boolean
}

/** The configured rules of one manager. */
export interface Policy {
  /** In the order they are asked. */
  readonly filters: readonly Filter[]
  readonly strategy: Strategy
}

/** The node chosen for a container. */
export interface Placement {
  readonly kind: 'placed'
  readonly node: NodeView
  readonly weight: number
  /** True when soft conditions had to be dropped. */
  readonly isSoftIgnored: boolean
}

/** How many nodes one filter refused; a node counts for the first filter that refused it. */
export interface Blocker {
  readonly filter: string
  readonly nodes: number
  /** The conditions it stood for, as in the refusal message. */
  readonly conditions: string
}

/** No node can take the container, and why. */
export interface NoPlacement {
  readonly kind: 'refused'
  /** `invalid`: an expression that cannot be read. */
  readonly reason: 'no-healthy-node' | 'no-node' | 'conditions' | 'resources' | 'invalid'
  /** The ancestor's text, word for word. */
  readonly text: string
  /** Biggest first. */
  readonly blockers: readonly Blocker[]
}
