import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Context } from '../../cli/command.ts'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import { converge } from '../../compose/converge.ts'
import type { ConvergeOptions } from '../../compose/converge.ts'
import { execute } from '../../compose/execute.ts'
import type { Project } from '../../compose/model/project.ts'
import { observeContainers } from '../../compose/observe.ts'
import { rosterOfProject, withDependents } from '../../compose/plan/dependency.ts'
import { planVerb } from '../../compose/plan/verbs.ts'
import type { Rule } from '../../compose/watch/rules.ts'
import type { WatchOptions } from '../../compose/watch/watcher.ts'
import { makeFolder } from '../../io/files.ts'
import { withLock } from '../../io/lock.ts'
import type { Session } from './session.ts'

/**
 * What a watch does to a project, in terms of what `up` and `restart` do.
 *
 * @param options whose signal ends the watch, and a build or restart that is under way
 */
export function toWatchOptions(
  ctx: Context,
  session: Session,
  project: Project,
  options: ConvergeOptions & { readonly signal: AbortSignal },
  rules: readonly Rule[],
): Pick<WatchOptions, 'clock' | 'rules' | 'warn' | 'rebuild' | 'restart' | 'signal'> {
  const { engine } = session
  return {
    clock: ctx.clock,
    rules,
    signal: options.signal,
    warn: (message) => ctx.log.warn(message),
    async rebuild(services, onBuilt) {
      const policy = { recreate: 'force', recreateDependencies: 'never', orphans: 'ignore', start: true } as const
      await converge(engine, project, {
        ...options,
        reconcile: { ...options.reconcile, ...policy, services, withoutDependencies: true },
        pull: 'build',
        onPlan: () => {
          onBuilt()
          return Promise.resolve()
        },
      })
    },
    restart: (services) => restartUnderLock(ctx, session, project, options, services),
  }
}

async function restartUnderLock(
  ctx: Context,
  session: Session,
  project: Project,
  { lock, signal: stop }: ConvergeOptions & { readonly signal: AbortSignal },
  services: readonly string[],
): Promise<void> {
  const { engine, parallel, progress } = session
  const { clock } = ctx
  const restart = async (signal = stop): Promise<void> => {
    const containers = await observeContainers(engine, project.name, { signal })
    const roster = rosterOfProject(project, {
      containers: containers.filter((container) => !container.isOneOff),
      networks: [],
      volumes: [],
      images: {},
    })
    const affected = withDependents(roster, services, (dependency) => dependency.restart === true)
    const plan = planVerb({ kind: 'restart' }, roster, [...affected])
    await execute(plan, engine, { clock, progress, parallel, signal })
  }
  if (lock === undefined) return restart()
  const { withProjectLock } = await import('../../compose/lock/project-lock.ts')
  const how = { clock, warn: (text: string) => ctx.log.warn(text), signal: stop, ...lock }
  await withProjectLock(engine, project.name, how, restart)
}

/**
 * Runs the body while no other watch of the project runs on this computer.
 *
 * @throws {io/locked} `cannot take exclusive lock for project "p"`
 */
export async function withWatchLock<T>(ctx: Context, project: string, body: () => Promise<T>): Promise<T> {
  const folder = runtimeFolder(ctx.env)
  await makeFolder(folder, 0o700, 'XDG_RUNTIME_DIR or XDG_CACHE_HOME names a folder where watch may keep its lock')
  const path = join(folder, `${project}.watch.lock`)
  let hasLock = false
  try {
    return await withLock(path, { clock: ctx.clock, waitMs: 0, subject: `project "${project}"` }, () => {
      hasLock = true
      return body()
    })
  } catch (error) {
    if (hasLock || !isFlotillaError(error) || error.code !== 'io/locked') throw error
    throw new FlotillaError('io/locked', `cannot take exclusive lock for project "${project}"`, {
      cause: error,
      hint: error.message,
    })
  }
}

function runtimeFolder(env: Context['env']): string {
  const runtime = env['XDG_RUNTIME_DIR'] ?? ''
  if (runtime !== '') return join(runtime, 'docker-compose')
  const cache = env['XDG_CACHE_HOME'] ?? ''
  return join(cache === '' ? join(env['HOME'] ?? homedir(), '.cache') : cache, 'flotilla', 'watch')
}
