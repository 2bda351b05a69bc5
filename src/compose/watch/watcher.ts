import { dirname } from 'node:path'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { inspectImage, listImages, removeImage } from '../../engine/api/images.ts'
import type { Engine } from '../../engine/engine.ts'
import { kindOfPath } from '../../io/text-files.ts'
import type { Project } from '../model/project.ts'
import { observeContainers } from '../observe.ts'
import { LABEL } from '../plan/label.ts'
import { isAlive } from '../plan/observed.ts'
import type { ObservedContainer } from '../plan/observed.ts'
import { toLogName } from '../translate/name.ts'
import { planBatch, quoteNames } from './batch.ts'
import { followChanges } from './changes.ts'
import type { Changes } from './changes.ts'
import { relay } from '../execute/hook.ts'
import type { HookOutput } from '../execute/hook.ts'
import { runInContainer } from '../execute/run-in-container.ts'
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
 * Follows the files of the rules and brings changes into the containers until the signal ends it. A batch that fails is
 * told of, and the next one is waited for.
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

  constructor(engine: Engine, project: Project, options: WatchOptions) {
    this.#engine = engine
    this.#project = project
    this.#options = options
    this.#call = options.signal === undefined ? {} : { signal: options.signal }
    this.#syncing = { ...this.#call, clock: options.clock, roots: options.rules.map(({ trigger }) => trigger.path) }
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
    for await (const batch of changes.batches) {
      try {
        await this.#handle(batch)
      } catch (error) {
        if (this.#options.signal?.aborted === true) return
        this.#options.warn(`Error handling changed files: ${toMessage(error)}`)
      }
    }
  }

  async #handle(paths: ReadonlySet<string>): Promise<void> {
    const { rules, log, restart } = this.#options
    const plan = planBatch(paths, rules)
    if (plan.rebuild.length > 0) await this.#rebuild(plan.rebuild)
    for (const [service, matches] of plan.sync) await this.#sync(service, matches)
    if (plan.restart.length > 0) {
      await restart(plan.restart)
      log(`service(s) ${quoteNames(plan.restart)} restarted`)
    }
    for (const rule of plan.exec) await this.#exec(rule)
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
    this.#options.log(`Syncing service "${service}" after ${matches.length} changes were detected`)
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
        if (code !== 0) throw new FlotillaError('compose/execute', `${service} hook exited with status ${code}`)
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
      if (matches.length > 0) await syncPaths(this.#engine, containers, matches, this.#syncing)
    }
  }
}
