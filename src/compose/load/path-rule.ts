/**
 * Rules keyed by path pattern (`services.*.ports.*`), compiled to a tree that is walked alongside the data:
 * a part of the data that no rule speaks of is skipped as a whole.
 */
export interface RuleNode<R> {
  readonly rule?: R
  readonly named: ReadonlyMap<string, RuleNode<R>>
  /** What `*` leads to: any key without a name of its own, any list entry. */
  readonly any?: RuleNode<R>
}

interface BuildingNode<R> {
  rule?: R
  named: Map<string, BuildingNode<R>>
  any?: BuildingNode<R>
}

export function compileRules<R>(table: Readonly<Record<string, R>>): RuleNode<R> {
  const root: BuildingNode<R> = { named: new Map() }
  for (const [pattern, rule] of Object.entries(table)) {
    let node = root
    for (const part of pattern.split('.')) node = stepOrMake(node, part)
    node.rule = rule
  }
  return root
}

function stepOrMake<R>(node: BuildingNode<R>, part: string): BuildingNode<R> {
  if (part === '*') {
    node.any ??= { named: new Map() }
    return node.any
  }
  const found = node.named.get(part)
  if (found !== undefined) return found
  const made: BuildingNode<R> = { named: new Map() }
  node.named.set(part, made)
  return made
}

/** The rules below `key`, if any. */
export function stepRule<R>(node: RuleNode<R>, key: string | number): RuleNode<R> | undefined {
  return (typeof key === 'string' ? node.named.get(key) : undefined) ?? node.any
}
