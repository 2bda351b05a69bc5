import type { Owed } from './owed.ts'
import type { Match, Rule } from './rules.ts'

/** What changes on disk call for, service by service, in the order services were first touched. */
export interface BatchPlan {
  readonly rebuild: readonly string[]
  readonly sync: ReadonlyMap<string, readonly Match[]>
  readonly restart: readonly string[]
  /** Rules whose command is run, each once however many files changed. */
  readonly exec: readonly Rule[]
}

/** Decides what one batch of changed paths means. Pure. */
export function planBatch(paths: Iterable<string>, rules: readonly Rule[]): BatchPlan {
  const rebuild = new Set<string>()
  const restart = new Set<string>()
  const exec = new Set<Rule>()
  const sync = new Map<string, Map<string, Match>>()
  for (const path of new Set(paths)) {
    for (const rule of rules) {
      const match = rule.match(path)
      if (match === undefined) continue
      const { service, trigger } = rule
      if (trigger.action === 'rebuild') rebuild.add(service)
      if (trigger.action.startsWith('sync')) addMatch(sync, service, match)
      if (trigger.action.endsWith('restart')) restart.add(service)
      if (trigger.action === 'sync+exec') exec.add(rule)
    }
  }
  return {
    rebuild: [...rebuild],
    sync: new Map([...sync].map(([service, matches]) => [service, [...matches.values()]])),
    restart: [...restart],
    exec: [...exec],
  }
}

/** A service and what one round does for it, a build aside. */
export interface ServiceWork {
  readonly service: string
  readonly paths: readonly string[]
  readonly plan: BatchPlan
  hasFailed: boolean
}

/** What is to be done for each service that changes, or what failed before, concern. Pure. */
export function planServices(
  paths: ReadonlySet<string>,
  rules: readonly Rule[],
  owed: Pick<Owed, 'services' | 'pathsOf'>,
): ServiceWork[] {
  const touched = rules.filter((rule) => [...paths].some((path) => rule.match(path) !== undefined))
  const names = new Set([...touched.map(({ service }) => service), ...owed.services])
  return [...names].map((service) => {
    // What has been built anew is not built once more because a file did not arrive.
    const own = rules.filter((rule) => rule.service === service && rule.trigger.action !== 'rebuild')
    const known = [...new Set([...paths, ...owed.pathsOf(service)])]
    const concerned = known.filter((path) => own.some((rule) => rule.match(path) !== undefined))
    return { service, paths: concerned, plan: planBatch(concerned, own), hasFailed: false }
  })
}

/** Two rules may send one file to two places, but never twice to the same. */
function addMatch(sync: Map<string, Map<string, Match>>, service: string, match: Match): void {
  const matches = sync.get(service) ?? new Map<string, Match>()
  matches.set(`${match.hostPath}\0${match.containerPath ?? ''}`, match)
  sync.set(service, matches)
}

/** Go's `%q` of a list of names. */
export function quoteNames(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(' ')}]`
}
