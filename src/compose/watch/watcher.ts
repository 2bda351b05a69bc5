import { dirname } from 'node:path'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { toMessage } from '../../core/errors.ts'
import { inspectImage, listImages, removeImage } from '../../engine/api/images.ts'
import type { Engine } from '../../engine/engine.ts'
import { kindOfPath } from '../../io/text-files.ts'
import type { Project } from '../model/project.ts'
import { observeContainers } from '../observe.ts'
import { LABEL } from '../plan/label.ts'
import { isAlive } from '../plan/observed.ts'
import type { ObservedContainer } from '../plan/observed.ts'
import { toLogName } from '../translate/name.ts'
import { planBatch, planServices, quoteNames } from './batch.ts'
import type { ServiceWork } from './batch.ts'
import { followChanges } from './changes.ts'
import type { Changes } from './changes.ts'
import { relay } from '../execute/hook.ts'
import type { HookOutput } from '../execute/hook.ts'
import { runInContainer } from '../execute/run-in-container.ts'
import { Owed } from './owed.ts'
import type { Match, Rule } from './rules.ts'
import { listInitial, syncPaths } from './upload.ts'
import type { SyncOptions } from './upload.ts'

export interface WatchOptions extends CallOptions {
  readonly clock: Clock
  readonly rules: readonly Rule[]
  /** One line of our own. */
  readonly log: (line: string) => void
  readonly warn: (message: string) => void
  /** Output of commands that rules run, in any pieces, by the name of the container. The last line of each is ended. */
  readonly output: (container: string, stream: 'stdout' | 'stderr', text: string) => void
  /** Builds the images of services and replaces their containers; `onBuilt` is called in between. */
  readonly rebuild: (services: readonly string[], onBuilt: () => void) => Promise<void>
  /** Restarts services, and those that ask to be restarted with them. */
  readonly restart: (services: readonly string[]) => Promise<void>
  /** Remove what a rebuild leaves without a name. */
  readonly isPruning: boolean
  /** Called once all files are being followed. */
  readonly onReady?: () => void
}

/**
 * Follows the files of the rules and brings changes into the containers until the signal ends it. What fails is told of;
 * what could not be brought is tried again until it arrives, a build with the next change of its files.
 *
 * What does not exist yet is followed from when it does.
 *
 * @throws {io/file} when files cannot be followed
 */
export async function watchProject(engine: Engine, project: Project, o: WatchOptions): Promise<void> {
  const watch = new Watch(engine, project, o)
  await watch.run()
}

function isMissing({ trigger }: Rule): boolean {
  return kindOfPath(trigger.path) === 'missing'
}

/** A path, or the folder nearest to it, which is followed until it comes about. */
function findExisting(path: string): string {
  return kindOfPath(path) === 'missing' && dirname(path) !== path ? findExisting(dirname(path)) : path
}

function isAbove(folder: string, path: string): boolean {
  return path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

class Watch {
  readonly #engine: Engine
  readonly #project: Project
  readonly #options: WatchOptions
  readonly #call: CallOptions
  readonly #syncing: SyncOptions
  readonly #owed = new Owed()

  constructor(engine: Engine, project: Project, options: WatchOptions) {
    this.#engine = engine
    this.#project = project
    this.#options = options
    this.#call = options.signal === undefined ? {} : { signal: options.signal }
    const { clock, warn } = options
    this.#syncing = { ...this.#call, clock, warn, roots: options.rules.map(({ trigger }) => trigger.path) }
  }

  async run(): Promise<void> {
    const { rules, log, signal, clock, onReady } = this.#options
    for (const { service, trigger } of rules.filter(isMissing))
      this.#options.warn(`service "${service}" watches ${trigger.path}, which does not exist yet`)
    // A folder that is deleted and made anew is seen from the one above it alone.
    const roots = rules.map((rule) => findExisting(rule.trigger.path)).flatMap((root) => [root, dirname(root)])
    // Followed before the first copy: what changes during it is not lost.
    const changes = await followChanges(roots, { clock, isSkipped: (path) => this.#isSkipped(path) })
    const stop = (): void => void changes.close()
    signal?.addEventListener('abort', stop, { once: true })
    try {
      await this.#copyInitially()
      log('Watch enabled')
      onReady?.()
      if (signal?.aborted !== true) await this.#follow(changes)
    } finally {
      signal?.removeEventListener('abort', stop)
      await changes.close()
    }
    log('Watch disabled')
  }

  /** Folders no rule can want anything from. A rule with `include` may name files anywhere below. */
  #isSkipped(path: string): boolean {
    if (/\/\.git(?:\/|$)/.test(path)) return true
    return this.#options.rules.every((rule) => {
      const { path: root, ignore = [], include = [] } = rule.trigger
      if (path === root || isAbove(path, root)) return false
      if (!isAbove(root, path)) return true
      if (include.length > 0 || ignore.some((pattern) => pattern.startsWith('!'))) return false
      return rule.match(path) === undefined
    })
  }

  async #follow(changes: Changes): Promise<void> {
    const batches = changes.batches[Symbol.asyncIterator]()
    let next: Promise<IteratorResult<ReadonlySet<string>>> | undefined
    for (;;) {
      next ??= batches.next()
      const batch = await this.#waitAtMostAPause(next)
      if (batch?.done === true || this.#isStopped) return
      if (batch !== undefined) next = undefined
      await this.#handle(batch?.value ?? new Set())
      if (this.#isStopped) return
    }
  }

  get #isStopped(): boolean {
    return this.#options.signal?.aborted === true
  }

  /** The next changes; undefined when it is time to try again what has failed. */
  async #waitAtMostAPause<T>(next: Promise<T>): Promise<T | undefined> {
    const { pauseMs } = this.#owed
    if (pauseMs === undefined) return next
    const ending = new AbortController()
    const pause = this.#options.clock.sleep(pauseMs, ending.signal).then(
      () => undefined,
      () => undefined,
    )
    try {
      return await Promise.race([next, pause])
    } finally {
      ending.abort()
    }
  }

  /** What fails for one service keeps nothing from the others. */
  async #handle(paths: ReadonlySet<string>): Promise<void> {
    const { rules, log, restart } = this.#options
    const { rebuild } = planBatch(paths, rules)
    if (rebuild.length > 0) {
      await this.#rebuild(rebuild).catch((error: unknown) => this.#warnOfFailure(toMessage(error)))
    }
    const work = planServices(paths, rules, this.#owed)
    for (const one of work) {
      const matches = one.plan.sync.get(one.service)
      if (matches === undefined) continue
      // One more try of what was told of already says nothing.
      if (matches.some(({ hostPath }) => paths.has(hostPath)))
        log(`Syncing service "${one.service}" after ${matches.length} changes were detected`)
      await this.#attempt([one], () => this.#sync(one.service, matches))
    }
    const restarted = work.filter(({ plan, hasFailed }) => plan.restart.length > 0 && !hasFailed)
    if (restarted.length > 0) {
      const names = restarted.map(({ service }) => service)
      await this.#attempt(restarted, async () => {
        await restart(names)
        log(`service(s) ${quoteNames(names)} restarted`)
      })
    }
    for (const one of work) {
      for (const rule of one.plan.exec) if (!one.hasFailed) await this.#attempt([one], () => this.#exec(rule))
      if (!one.hasFailed && this.#owed.settle(one.service)) log(`service "${one.service}" is in sync again`)
    }
    this.#owed.endRound()
  }

  async #attempt(work: readonly ServiceWork[], act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      for (const one of work) {
        one.hasFailed = true
        if (!this.#isStopped) this.#owe(one.service, one.paths, toMessage(error))
      }
    }
  }

  #owe(service: string, paths: readonly string[], reason: string): void {
    const { count, isNews } = this.#owed.add(service, paths, reason)
    if (!isNews) return
    this.#warnOfFailure(reason)
    this.#options.warn(
      `service "${service}" is not in sync: changes of ${count} paths are tried again until they arrive`,
    )
  }

  #warnOfFailure(reason: string): void {
    if (!this.#isStopped) this.#options.warn(`Error handling changed files: ${reason}`)
  }

  async #rebuild(services: readonly string[]): Promise<void> {
    const { log, rebuild, isPruning, signal } = this.#options
    const names = quoteNames(services)
    log(`Rebuilding service(s) ${names} after changes were detected...`)
    let isBuilt = false
    try {
      await rebuild(services, () => {
        isBuilt = true
        log(`service(s) ${names} successfully built`)
      })
    } catch (error) {
      if (signal?.aborted === true) throw error
      const what = isBuilt ? 'Failed to recreate services after update' : 'Build failed'
      log(`${what}. Error: ${toMessage(error)}`)
      throw error
    }
    if (isPruning) await this.#prune()
  }

  /** What is still in use stays for the next time. */
  async #prune(): Promise<void> {
    const filters = { dangling: ['true'], label: [`${LABEL.project}=${this.#project.name}`] }
    const images = await listImages(this.#engine, { filters }, this.#call)
    for (const image of images) await removeImage(this.#engine, image.Id, {}, this.#call).catch(() => [])
  }

  async #sync(service: string, matches: readonly Match[]): Promise<void> {
    await syncPaths(this.#engine, await this.#containersOf(service), matches, this.#syncing)
  }

  async #containersOf(service: string): Promise<readonly ObservedContainer[]> {
    const containers = await observeContainers(this.#engine, this.#project.name, this.#call)
    return containers.filter((container) => container.service === service && !container.isOneOff)
  }

  async #exec({ service, trigger }: Rule): Promise<void> {
    const { exec: hook } = trigger
    const { clock, output } = this.#options
    if (hook?.command === undefined) return
    const running = (await this.#containersOf(service)).filter(isAlive)
    await Promise.all(
      running.map(async ({ id, name }) => {
        const label = `${toLogName(this.#project.name, service, name)} ->`
        const listener = { hookOutput: (piece: HookOutput): void => output(label, piece.stream, piece.text) }
        const { code = 0 } = await runInContainer(
          this.#engine,
          { id, command: hook, tty: false, clock },
          (printed) => relay(printed, label, listener),
          this.#call,
        )
        // It has been run: once more would not be what was asked for.
        if (code !== 0) this.#warnOfFailure(`${service} hook exited with status ${code}`)
      }),
    )
  }

  /** Brings what changed on disk since the image was made. */
  async #copyInitially(): Promise<void> {
    for (const rule of this.#options.rules) {
      const isAsked = rule.trigger.initial_sync === true || Reflect.get(rule.trigger, 'x-initialSync') === true
      if (!isAsked || !rule.trigger.action.startsWith('sync') || isMissing(rule)) continue
      const containers = await this.#containersOf(rule.service)
      const first = containers[0]
      if (first === undefined) continue
      const image = await inspectImage(this.#engine, first.imageId, this.#call)
      const matches = await listInitial(rule, Date.parse(image.Created ?? '') || 0)
      if (matches.length === 0) continue
      try {
        await syncPaths(this.#engine, containers, matches, this.#syncing)
      } catch (error) {
        if (this.#isStopped) return
        this.#owe(
          rule.service,
          matches.map(({ hostPath }) => hostPath),
          toMessage(error),
        )
      }
    }
  }
}
