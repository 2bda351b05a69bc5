import type { FlagValues } from '../../core/flag.ts'
import { FlotillaError } from '../../core/errors.ts'
import { makeDictionary } from '../../compose/model/dictionary.ts'
import type { Dictionary } from '../../compose/model/dictionary.ts'
import type { PullPolicy } from '../../compose/plan/image-plan.ts'
import type { Project } from '../../compose/model/project.ts'
import { beyondLimit } from '../../compose/load/limits.ts'
import { requireService } from '../../compose/load/select.ts'
import type { upFlags } from './up-table.ts'

type UpFlags = FlagValues<typeof upFlags>

/** Combinations that make no sense, in the reference program's words (docker/compose cmd/compose/up.go). */
export function checkUpFlags(flags: UpFlags): void {
  const wrong = findWrongCombination(flags)
  if (wrong !== undefined) throw new FlotillaError('cli/usage', wrong)
}

function findWrongCombination(flags: UpFlags): string | undefined {
  const isAborting = flags['abort-on-container-exit'] || flags['exit-code-from'] !== undefined
  const isFailing = flags['abort-on-container-failure']
  const isAttaching = flags.attach.length > 0 || flags['attach-dependencies']
  if (isFailing && flags['abort-on-container-exit']) {
    return '--abort-on-container-failure cannot be combined with --abort-on-container-exit'
  }
  if (flags.attach.length > 0 && flags['attach-dependencies'])
    return 'cannot combine --attach and --attach-dependencies'
  if (flags.wait && (isAborting || isAttaching)) {
    return '--wait cannot be combined with --abort-on-container-exit, --attach or --attach-dependencies'
  }
  if ((flags.detach || flags.wait) && (isAborting || isFailing || isAttaching || flags.watch)) {
    return `--${flags.wait ? 'wait' : 'detach'} cannot be combined with --abort-on-container-exit, --abort-on-container-failure, --attach, --attach-dependencies or --watch`
  }
  if (flags.build && flags['no-build']) return '--build and --no-build are incompatible'
  if (flags['no-build'] && flags.watch) return '--no-build and --watch are incompatible'
  return findRecreateConflict(flags)
}

/** Flags that say opposite things about replacing containers. */
export function findRecreateConflict(
  flags: Pick<UpFlags, 'no-recreate' | 'force-recreate' | 'always-recreate-deps' | 'renew-anon-volumes'>,
): string | undefined {
  if (!flags['no-recreate']) return undefined
  if (flags['force-recreate']) return '--force-recreate and --no-recreate are incompatible'
  if (flags['always-recreate-deps']) return '--always-recreate-deps and --no-recreate are incompatible'
  if (flags['renew-anon-volumes']) return '--no-recreate and --renew-anon-volumes are incompatible'
  return undefined
}

/**
 * `--scale web=3`, repeated.
 *
 * @param services that are to be made, others have no scale
 * @param most containers of one service
 * @throws {compose/not-found}
 * @throws {compose/limit} beyond it
 */
export function parseScale(
  options: readonly string[],
  project: Project,
  services: ReadonlySet<string>,
  most: number,
): Dictionary<number> {
  const scale = makeDictionary<number>()
  for (const option of options) {
    const match = /^([^=]+)=(\d+)$/.exec(option)
    if (match === null) {
      throw new FlotillaError('cli/invalid-value', `invalid --scale option "${option}". Should be SERVICE=NUM`)
    }
    const [, name = '', count] = match
    requireService(project, name)
    // In the words of docker-compose 2.40, for which it is as one of a profile that is off.
    if (!services.has(name)) throw new FlotillaError('compose/not-found', `no such service: ${name}: disabled`)
    if (Number(count) > most) throw beyondLimit(`services.${name}: more than ${most} replicas`, 'replicas')
    scale[name] = Number(count)
  }
  return scale
}

const policies: readonly PullPolicy[] = ['always', 'missing', 'never', 'build', 'policy']

/** `--pull`, over which `--build` wins. */
export function parsePull(value: string, isBuild: boolean): PullPolicy {
  if (isBuild) return 'build'
  const policy = policies.find((entry) => entry === value)
  if (policy === undefined) throw new FlotillaError('cli/invalid-value', `invalid --pull option "${value}"`)
  return policy
}

/** Services whose output an attached `up` shows. */
export function chooseAttached(
  flags: Pick<UpFlags, 'attach' | 'attach-dependencies' | 'no-attach'>,
  project: Project,
  selected: readonly string[],
  named: readonly string[],
): ReadonlySet<string> {
  const pool = flags['attach-dependencies'] || named.length === 0 ? selected : named
  const wanted =
    flags.attach.length > 0 ? flags.attach : pool.filter((name) => project.services[name]?.attach !== false)
  const missing = wanted.filter((name) => !selected.includes(name))
  if (missing.length > 0) {
    throw new FlotillaError('cli/usage', `cannot attach to services not included in up: ${missing.join(', ')}`)
  }
  return new Set(wanted.filter((name) => !flags['no-attach'].includes(name)))
}

/**
 * Services whose end may be the end of all: those the user named, else those that are attached; none for every one.
 * What the others were started for, a migration for instance, may well be done before.
 */
export function chooseDeciding(
  flags: Pick<UpFlags, 'exit-code-from'>,
  attached: ReadonlySet<string>,
  named: readonly string[],
): ReadonlySet<string> {
  const from = flags['exit-code-from']
  const deciding = named.length > 0 ? named : attached
  return new Set([...deciding, ...(from === undefined ? [] : [from])])
}
