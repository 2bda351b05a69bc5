import { parseGoFloat } from '../../core/go-float.ts'
import { readBooleanWord } from './boolean-word.ts'
import { LoadError } from './failure.ts'
import { compileRules, stepRule } from './path-rule.ts'
import type { RuleNode } from './path-rule.ts'
import type { Places } from './place.ts'
import { SubstitutionError, substitute } from './substitute.ts'
import type { Variables } from './substitute.ts'
import { isMap, renderPath } from './tree.ts'
import type { Tree, TreeMap, TreePath } from './tree.ts'

/** What a text becomes at some paths once its variables are filled in. */
type Cast = (text: string, warn: (message: string) => void) => Tree

/** compose-go loader/interpolate.go: the paths whose texts are cast. */
const casts: RuleNode<Cast> = compileRules<Cast>({
  ...under('services.*', toWhole('ParseInt'), [
    'cpu_count',
    'cpu_period',
    'cpu_quota',
    'cpu_rt_period',
    'cpu_rt_runtime',
    'cpu_shares',
    'oom_score_adj',
    'pids_limit',
  ]),
  ...under('services.*', toWhole('Atoi'), [
    'deploy.placement.max_replicas_per_node',
    'deploy.replicas',
    'deploy.restart_policy.max_attempts',
    'deploy.rollback_config.parallelism',
    'deploy.update_config.parallelism',
    'healthcheck.retries',
    'ports.*.target',
    'scale',
    'ulimits.*',
    'ulimits.*.hard',
    'ulimits.*.soft',
  ]),
  ...under('services.*', toFraction, [
    'cpu_percent',
    'cpus',
    'deploy.rollback_config.max_failure_ratio',
    'deploy.update_config.max_failure_ratio',
  ]),
  ...under('services.*', toBoolean, [
    'healthcheck.disable',
    'init',
    'oom_kill_disable',
    'privileged',
    'read_only',
    'stdin_open',
    'tty',
    'volumes.*.read_only',
    'volumes.*.volume.nocopy',
  ]),
  ...under('networks.*', toBoolean, ['attachable', 'enable_ipv4', 'enable_ipv6', 'external', 'internal']),
  ...under('volumes.*', toBoolean, ['external']),
  ...under('secrets.*', toBoolean, ['external']),
  ...under('configs.*', toBoolean, ['external']),
})

function under(prefix: string, cast: Cast, paths: readonly string[]): Record<string, Cast> {
  return Object.fromEntries(paths.map((path) => [`${prefix}.${path}`, cast]))
}

export interface InterpolateContext {
  readonly variables: Variables
  readonly places: Places
  readonly warn: (message: string) => void
}

/**
 * Fills in variables in every text of the tree, in place; keys are left alone (see interpolate-keys.ts). A value put in is never
 * looked at again.
 *
 * @throws {compose/interpolation} naming the path, with file, line and column
 */
export function interpolate(tree: TreeMap, context: InterpolateContext): void {
  new Walk(tree, context).enter(tree, [], casts)
}

class Walk {
  readonly #root: TreeMap
  readonly #context: InterpolateContext

  constructor(root: TreeMap, context: InterpolateContext) {
    this.#root = root
    this.#context = context
  }

  enter(holder: TreeMap | Tree[], path: TreePath, rules: RuleNode<Cast> | undefined): void {
    if (Array.isArray(holder)) {
      for (const [index, value] of holder.entries()) holder[index] = this.#visit(value, path, index, rules)
      return
    }
    for (const key of Object.keys(holder)) holder[key] = this.#visit(holder[key] ?? null, path, key, rules)
  }

  #visit(value: Tree, path: TreePath, key: string | number, rules: RuleNode<Cast> | undefined): Tree {
    const below = rules === undefined ? undefined : stepRule(rules, key)
    if (typeof value === 'string') {
      return value.includes('$') || below?.rule !== undefined ? this.#fill(value, [...path, key], below?.rule) : value
    }
    if (isMap(value) || Array.isArray(value)) this.enter(value, [...path, key], below)
    return value
  }

  #fill(text: string, path: TreePath, cast: Cast | undefined): Tree {
    try {
      const filled = substitute(text, this.#context.variables)
      return cast === undefined ? filled : cast(filled, this.#context.warn)
    } catch (error) {
      const message = describe(error, path)
      const hint = error instanceof SubstitutionError ? error.hint : undefined
      throw new LoadError([this.#context.places.problem(this.#root, path, message, hint)], 'compose/interpolation')
    }
  }
}

function describe(error: unknown, path: TreePath): string {
  const at = path.map((key) => (typeof key === 'number' ? '[]' : key))
  if (error instanceof CastError) {
    return `error while interpolating ${renderPath(at)}: failed to cast to expected type: ${error.message}`
  }
  if (!(error instanceof SubstitutionError)) throw error
  return describeSubstitution(error, renderPath(at))
}

/** The reference program's sentence for a text that cannot be interpolated. */
export function describeSubstitution(error: SubstitutionError, at: string): string {
  if (error.kind === 'syntax') {
    return `invalid interpolation format for ${at}.\nYou may need to escape any $ with another $.\n${error.template}`
  }
  return `error while interpolating ${at}: ${error.message}`
}

class CastError extends Error {}

function toWhole(parser: 'Atoi' | 'ParseInt'): Cast {
  return (text) => {
    if (!/^[-+]?[0-9]+$/.test(text))
      throw new CastError(`strconv.${parser}: parsing ${JSON.stringify(text)}: invalid syntax`)
    const value = Number(text)
    if (Number.isSafeInteger(value)) return value
    throw new CastError(`strconv.${parser}: parsing ${JSON.stringify(text)}: value out of range`)
  }
}

function toFraction(text: string): Tree {
  const value = parseGoFloat(text)
  if (typeof value === 'number') return value
  throw new CastError(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: ${value}`)
}

function toBoolean(text: string, warn: (message: string) => void): Tree {
  const value = readBooleanWord(text, warn)
  if (value === undefined) throw new CastError(`invalid boolean: ${text}`)
  return value
}
