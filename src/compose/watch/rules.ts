import * as posix from 'node:path/posix'
import { FlotillaError } from '../../core/errors.ts'
import { makePathMatcher, parseIgnoreFile } from '../../core/ignore.ts'
import type { PathMatcher } from '../../core/ignore.ts'
import type { Project } from '../model/project.ts'
import type { Service, WatchRule } from '../model/service.ts'

/** One entry of `develop.watch`, ready to be asked about paths. */
export interface Rule {
  readonly service: string
  readonly trigger: WatchRule
  /** Where a changed path belongs, or nothing when it is none of this rule's. */
  match(path: string): Match | undefined
}

/** A path that a rule takes. */
export interface Match {
  readonly hostPath: string
  /** Absent for rules without target. */
  readonly containerPath?: string
}

export interface RuleSources {
  /** Text of a file, or nothing when it is not there. */
  readonly readText: (path: string) => string | undefined
  /** The path with its links resolved; the path itself when nothing is there. */
  readonly resolveLinks: (path: string) => string
  readonly warn: (message: string) => void
  /** False for `up --no-build`. */
  readonly canBuild?: boolean
}

/** What editors leave beside a file while it is saved (docker/compose pkg/watch/ephemeral.go names them). */
const ephemeral = [
  '*~',
  '.#*',
  '#*#',
  '.*.swp',
  '.*.swx',
  '4913',
  '*___jb_*___',
  '.idea/**',
  '.*.kate-swp',
  '*-go-tmp-umask',
]
const isAlwaysIgnored = makePathMatcher(['.git', ...ephemeral.map((pattern) => `**/${pattern}`)])

const isSync = (rule: WatchRule): boolean => rule.action.startsWith('sync')

/**
 * The rules of the chosen services.
 *
 * @param services empty means all
 * @throws {cli/usage} when there is none, or when one asks for a build that cannot be made
 */
export function collectRules(project: Project, services: readonly string[], sources: RuleSources): readonly Rule[] {
  const rules: Rule[] = []
  for (const service of Object.values(project.services)) {
    if (services.length > 0 && !services.includes(service.name)) continue
    const ignored = makeServiceIgnore(service, sources)
    for (const trigger of service.develop?.watch ?? []) {
      checkBuild(service, trigger, sources)
      if (isSync(trigger) && isBindMounted(trigger.path, service)) {
        sources.warn(`path '${trigger.path}' also declared by a bind mount volume, this path won't be monitored!`)
        continue
      }
      rules.push(makeRule(service, trigger, ignored))
    }
  }
  if (rules.length === 0) {
    throw new FlotillaError(
      'cli/usage',
      "none of the selected services is configured for watch, consider setting a 'develop' section",
    )
  }
  return rules
}

function checkBuild(service: Service, trigger: WatchRule, sources: RuleSources): void {
  if (trigger.action !== 'rebuild') return
  if (service.build === undefined) {
    throw new FlotillaError(
      'compose/invalid',
      `can't watch service "${service.name}" with action rebuild without a build context`,
    )
  }
  if (sources.canBuild === false) {
    throw new FlotillaError(
      'cli/usage',
      `--no-build is incompatible with watch action rebuild in service ${service.name}`,
    )
  }
}

function isBindMounted(path: string, service: Service): boolean {
  return (service.volumes ?? []).some(
    (mount) => mount.type === 'bind' && mount.source !== undefined && relativeTo(mount.source, path) !== undefined,
  )
}

function makeRule(service: Service, trigger: WatchRule, isServiceIgnored: PathMatcher): Rule {
  const isIgnored = makePathMatcher(trigger.ignore ?? [])
  const includes = trigger.include ?? []
  const isIncluded = includes.length === 0 ? (): boolean => true : makePathMatcher(includes)
  return {
    service: service.name,
    trigger,
    match(path) {
      const below = relativeTo(trigger.path, path)
      if (below === undefined || !isIncluded(below) || isIgnored(below)) return undefined
      if (isAlwaysIgnored(below) || isAlwaysIgnored(path.slice(1)) || isServiceIgnored(path)) return undefined
      if (trigger.target === undefined) return { hostPath: path }
      return { hostPath: path, containerPath: below === '' ? trigger.target : posix.join(trigger.target, below) }
    },
  }
}

/** `path` seen from `folder`: the empty text for the folder itself, nothing for what lies elsewhere. */
function relativeTo(folder: string, path: string): string | undefined {
  const base = folder.length > 1 && folder.endsWith('/') ? folder.slice(0, -1) : folder
  if (path === base) return ''
  const prefix = base === '/' ? '/' : `${base}/`
  return path.startsWith(prefix) ? path.slice(prefix.length) : undefined
}

/** What `.dockerignore` of the build context keeps out of the image need not be followed either. */
function makeServiceIgnore(service: Service, sources: RuleSources): PathMatcher {
  const written = service.build?.context
  if (written === undefined || !posix.isAbsolute(written)) return () => false
  // As the paths of rules are since they were loaded.
  const context = sources.resolveLinks(written)
  const dockerfile = posix.resolve(context, service.build?.dockerfile ?? 'Dockerfile')
  const text = sources.readText(`${dockerfile}.dockerignore`) ?? sources.readText(posix.join(context, '.dockerignore'))
  if (text === undefined) return () => false
  const matches = makePathMatcher(parseIgnoreFile(text))
  return (path) => {
    const below = relativeTo(context, path)
    return below !== undefined && below !== '' && matches(below)
  }
}
