import { lstatSync, readdirSync, watch } from 'node:fs'
import type { FSWatcher, Stats } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { codeOf } from '../../io/files.ts'

/** What a tree of folders is followed with. */
export interface FolderTreeOptions {
  readonly clock: Clock
  /** Folders and files that need not be followed. */
  readonly isSkipped: (path: string) => boolean
  /** Told each path that has changed, has come or has gone; a folder that does brings all it holds, or held. */
  readonly onChange: (path: string) => void
  /** Told when the system cannot follow more folders. */
  readonly onError: (error: Error) => void
  /** What gives notice of one folder; absent: that of the system. */
  readonly watch?: (path: string, listener: (event: string, name: string | null) => void) => FSWatcher
}

/** How long after a notice its path is looked at once more: well within the quiet that a batch waits for. */
const againMs = 100

interface Folder {
  readonly watcher: FSWatcher
  readonly inode: number | undefined
  /** What it held when it was last looked at, but for what is skipped. */
  readonly names: Set<string>
}

/**
 * Follows folders and all below by the notices of the Linux kernel, one handle a folder, symbolic links as themselves.
 *
 * A folder that its parent says has come, gone or moved is looked at anew, whatever was known of it: one that was
 * deleted and made anew before anybody could look has another inode, and the handle of the old one says nothing any more.
 * Every such look follows on a notice and sees what is there by then, so that the last one sees the last state; it takes
 * time in proportion to what the folder holds. Bun gives one notice of a name that goes and comes again within a moment, so
 * that a look may see what is between: a path is looked at again a moment later.
 */
export class FolderTree {
  readonly #folders = new Map<string, Folder>()
  readonly #options: FolderTreeOptions
  /** Paths that are to be looked at again. */
  readonly #waiting = new Map<string, AbortController>()
  #isClosed = false

  constructor(options: FolderTreeOptions) {
    this.#options = options
  }

  /**
   * Follows a path from now on; a file only together with its folder.
   *
   * @throws what the system says when there are too many handles
   */
  follow(path: string): void {
    this.#open(path, () => {})
  }

  close(): void {
    this.#isClosed = true
    for (const waiting of this.#waiting.values()) waiting.abort()
    for (const { watcher } of this.#folders.values()) watcher.close()
    this.#folders.clear()
  }

  /** @param tell told each path below */
  #open(path: string, tell: (path: string) => void): void {
    const waiting = [path]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (this.#folders.has(next) || !isFolder(next)) continue
      const names = new Set<string>()
      // Before it is read: what comes in between is seen twice rather than not at all.
      const watcher = this.#watch(next, names)
      if (watcher === undefined) continue
      this.#folders.set(next, { watcher, names, inode: look(next)?.ino })
      for (const name of readNames(next)) {
        const below = join(next, name)
        if (this.#options.isSkipped(below)) continue
        names.add(name)
        tell(below)
        waiting.push(below)
      }
    }
  }

  #watch(path: string, names: Set<string>): FSWatcher | undefined {
    try {
      const follow = this.#options.watch ?? watch
      const isCurrent = (): boolean => !this.#isClosed && this.#folders.get(path)?.watcher === watcher
      const watcher: FSWatcher = follow(path, (event, name) => {
        if (!isCurrent() || name === null) return
        this.#guard(() => this.#notice(path, names, event, name))
        if (event === 'rename')
          void this.#later(join(path, name), () => {
            if (isCurrent() && this.#isOutdated(join(path, name), names.has(name)))
              this.#guard(() => this.#notice(path, names, event, name))
          })
      })
      // A folder that has gone: its parent tells of it.
      watcher.on('error', () => {})
      return watcher
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes(codeOf(error))) return undefined
      throw error
    }
  }

  /** Once nothing more has been told of the path for a moment. */
  async #later(path: string, act: () => void): Promise<void> {
    this.#waiting.get(path)?.abort()
    const waiting = new AbortController()
    this.#waiting.set(path, waiting)
    await this.#options.clock.sleep(againMs, waiting.signal).catch(() => {})
    if (waiting.signal.aborted) return
    this.#waiting.delete(path)
    act()
  }

  #guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#options.onError(error as Error)
    }
  }

  /** Whether something else is at a path than what is known of it. */
  #isOutdated(path: string, isKnown: boolean): boolean {
    if (this.#options.isSkipped(path)) return false
    const stats = look(path)
    if ((stats !== undefined) !== isKnown) return true
    return (stats?.isDirectory() === true ? stats.ino : undefined) !== this.#folders.get(path)?.inode
  }

  #notice(folder: string, names: Set<string>, event: string, name: string): void {
    const { isSkipped, onChange } = this.#options
    const path = join(folder, name)
    if (isSkipped(path)) return
    const isThere = exists(path)
    // Of itself a folder tells under its own name; and what came and went before anybody looked is as it was.
    if (!isThere && !names.has(name)) return
    onChange(path)
    const isKnown = names.has(name)
    if (isThere) names.add(name)
    else names.delete(name)
    if (event !== 'rename' && isKnown) return
    this.#forget(path)
    if (isThere) this.#open(path, onChange)
  }

  /** Lets go of a folder and tells of all it held. */
  #forget(path: string): void {
    const waiting = [path]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const folder = this.#folders.get(next)
      if (folder === undefined) continue
      folder.watcher.close()
      this.#folders.delete(next)
      for (const name of folder.names) {
        const below = join(next, name)
        this.#options.onChange(below)
        waiting.push(below)
      }
    }
  }
}

function isFolder(path: string): boolean {
  return look(path)?.isDirectory() === true
}

function exists(path: string): boolean {
  return look(path) !== undefined
}

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch {
    // Something above it is no folder any more, or may not be entered.
    return undefined
  }
}

function readNames(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch {
    // It may not be read, or has gone: then its parent tells.
    return []
  }
}
