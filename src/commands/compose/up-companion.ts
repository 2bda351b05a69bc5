import type { Context } from '../../cli/command.ts'
import type { ConvergeOptions } from '../../compose/converge.ts'
import type { Monitor } from '../../compose/logs/monitor.ts'
import type { LogSink } from '../../compose/logs/sink.ts'
import type { Project } from '../../compose/model/project.ts'
import { isSwitchedOn } from '../../core/env-switch.ts'
import { toMessage } from '../../core/errors.ts'
import { readKeys } from '../../ui/keys.ts'
import type { Keys } from '../../ui/keys.ts'
import type { StatusLine } from '../../ui/status-line.ts'
import { makeStyle } from '../../ui/style.ts'
import { composeEnv } from './compose-env.ts'
import { hasColour } from './session.ts'
import type { Session } from './session.ts'

/** What stands beside the output of an attached `up`: the keys of the terminal, and the following of files. */
export interface Companion {
  /** Starts once the containers run. */
  open(): Promise<void>
  /** No more keys but Ctrl-C, no more following. */
  quiet(): Promise<void>
  /** Gives the terminal back. Idempotent. */
  close(): void
}

export interface CompanionOptions {
  readonly ctx: Context
  readonly session: Session
  readonly project: Project
  readonly converge: ConvergeOptions
  /** Services named on the command line. */
  readonly services: readonly string[]
  readonly sink: LogSink
  readonly monitor: Monitor
  readonly line: StatusLine
  readonly hasMenu: boolean
  /** `--watch` */
  readonly isWatching: boolean
  readonly canBuild: boolean
  onInterrupt(): void
  onDetach(): void
}

/** `--menu`, else `COMPOSE_MENU`, else wherever a person sits at both ends. */
export function wantsMenu(ctx: Context, flag: boolean | undefined): boolean {
  const { terminal } = ctx
  if (!terminal.isTty || !terminal.isStdinTty || hasColour(ctx) === false) return false
  if (flag !== undefined) return flag
  const variable = composeEnv(ctx)['COMPOSE_MENU'] ?? ''
  return variable === '' || isSwitchedOn(variable)
}

export function makeCompanion(o: CompanionOptions): Companion {
  return new UpCompanion(o)
}

class UpCompanion implements Companion {
  readonly #options: CompanionOptions
  #keys: Keys | undefined
  #watching: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined
  #isQuiet = false

  constructor(o: CompanionOptions) {
    this.#options = o
  }

  async open(): Promise<void> {
    const { ctx, hasMenu, isWatching } = this.#options
    if (hasMenu) {
      this.#keys = readKeys(
        ctx.stdin,
        (key) => this.#onKey(key),
        () => this.#paint(),
      )
    }
    if (isWatching) await this.#startWatch()
    this.#paint()
  }

  async quiet(): Promise<void> {
    this.#isQuiet = true
    this.#options.line.hide()
    await this.#stopWatch()
  }

  close(): void {
    this.#isQuiet = true
    this.#options.line.hide()
    this.#watching?.stop.abort()
    this.#keys?.close()
  }

  #onKey(key: string): void {
    if (key === '\u0003') this.#options.onInterrupt()
    else if (this.#isQuiet) return
    else if (key === 'w' || key === 'W') this.#toggleWatch()
    else if (key === 'd' || key === 'D') this.#options.onDetach()
    else if (key === '\u001a') {
      this.#options.line.hide()
      this.#keys?.suspend()
    } else if (key === '\r' || key === '\n') this.#options.sink.note('')
  }

  #paint(): void {
    if (!this.#options.hasMenu || this.#isQuiet) return
    const style = makeStyle(this.#options.ctx.terminal, hasColour(this.#options.ctx))
    const entry = (key: string, what: string): string => `   ${style.bold(key)} ${style.dim(what)}`
    const watch = this.#watching === undefined ? 'Enable Watch' : 'Disable Watch'
    this.#options.line.show(`${entry('w', watch)}${entry('d', 'Detach')}`)
  }

  #toggleWatch(): void {
    const change = this.#watching === undefined ? this.#startWatch() : this.#stopWatch()
    change.then(
      () => this.#paint(),
      (error: unknown) => {
        this.#options.sink.note(toMessage(error))
        this.#paint()
      },
    )
  }

  /** Resolves once files are being followed. */
  async #startWatch(): Promise<void> {
    const { ctx, project, session, sink, line, monitor } = this.#options
    const [{ collectRules }, { watchProject }, { toWatchOptions, withWatchLock }, { readTextNow, resolveLinks }] =
      await Promise.all([
        import('../../compose/watch/rules.ts'),
        import('../../compose/watch/watcher.ts'),
        import('./watch-session.ts'),
        import('../../io/text-files.ts'),
      ])
    const rules = collectRules(project, this.#options.services, {
      readText: (path) => readTextNow(path, maxIgnoreBytes),
      resolveLinks,
      warn: (message) => ctx.log.warn(message),
      canBuild: this.#options.canBuild,
    })
    const stop = new AbortController()
    const settled = (body: Promise<void>): Promise<void> =>
      body.finally(() => {
        session.stopProgress()
        this.#paint()
      })
    const hidden = <A extends readonly unknown[]>(
      act: (...words: A) => Promise<void>,
    ): ((...words: A) => Promise<void>) => {
      return (...words) => {
        line.hide()
        return settled(monitor.during(() => act(...words)))
      }
    }
    const acts = toWatchOptions(ctx, session, project, { ...this.#options.converge, signal: stop.signal }, rules)
    let onReady: () => void = () => {}
    const ready = new Promise<void>((resolve) => {
      onReady = resolve
    })
    const running = withWatchLock(ctx, project.name, () =>
      watchProject(session.engine, project, {
        ...acts,
        rebuild: hidden(acts.rebuild),
        restart: hidden(acts.restart),
        isPruning: true,
        log: (text) => sink.watchNote(text),
        output: (container, stream, text) => sink.write(container, stream, text),
        onReady,
      }),
    )
    const ended = running.finally(() => {
      this.#watching = undefined
    })
    this.#watching = { stop, ended: ended.catch(() => {}) }
    await Promise.race([ready, ended])
    ended.catch((error: unknown) => sink.watchNote(`Watch disabled with errors: ${toMessage(error)}`))
  }

  async #stopWatch(): Promise<void> {
    const watching = this.#watching
    watching?.stop.abort()
    await watching?.ended
  }
}

const maxIgnoreBytes = 1024 * 1024
