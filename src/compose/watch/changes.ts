import { basename } from 'node:path'
import process from 'node:process'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { FolderTree } from './folder-tree.ts'

/** Changes that follow each other closer than this belong together. */
export const quietMs = 500

/** Sets of changed paths, each after a moment of quiet. */
export interface Changes {
  readonly batches: AsyncIterable<ReadonlySet<string>>
  close(): Promise<void>
}

/**
 * Follows files and folders. Resolves once everything is being followed: nothing that changes later is missed.
 *
 * @param isSkipped folders and files that need not be followed; saves handles in large trees
 * @throws {io/file} when the system cannot follow so many
 */
export async function followChanges(paths: readonly string[], o: FollowOptions): Promise<Changes> {
  return process.platform === 'linux' ? followFolders(paths, o) : followWithChokidar(paths, o)
}

interface FollowOptions {
  readonly clock: Clock
  readonly isSkipped: (path: string) => boolean
}

/** A folder's own handle tells of all it holds on Linux, and nothing that chokidar knows of it can be out of date. */
function followFolders(paths: readonly string[], { clock, isSkipped }: FollowOptions): Changes {
  const batcher = makeBatcher(clock)
  const tree = new FolderTree({
    clock,
    isSkipped,
    onChange: (path) => batcher.add(path),
    onError: (error) => batcher.fail(toFollowFailure(error)),
  })
  try {
    for (const path of new Set(paths)) tree.follow(path)
  } catch (error) {
    tree.close()
    throw toFollowFailure(error)
  }
  return {
    batches: batcher.batches,
    close() {
      batcher.end()
      tree.close()
      return Promise.resolve()
    },
  }
}

function toFollowFailure(error: unknown): FlotillaError {
  return new FlotillaError('io/file', `cannot follow changes of files: ${toMessage(error)}`, { cause: error })
}

async function followWithChokidar(paths: readonly string[], o: FollowOptions): Promise<Changes> {
  const { watch } = await import('chokidar')
  const batcher = makeBatcher(o.clock)
  const watcher = watch([...new Set(paths)], {
    ignoreInitial: true,
    ignorePermissionErrors: true,
    // A path with `*` in its name is that path.
    ignored: (path) => o.isSkipped(path),
    followSymlinks: false,
  })
  watcher.on('all', (_, path) => batcher.add(path))
  // The mode of a file that has been read since it was written changes without a word of the above.
  watcher.on('raw', (event, name, details) => {
    const path: unknown = typeof details === 'object' && details !== null && Reflect.get(details, 'watchedPath')
    if (event === 'change' && typeof path === 'string' && basename(path) === name) batcher.add(path)
  })
  try {
    await new Promise<void>((resolve, reject) => {
      watcher.once('ready', resolve)
      watcher.on('error', (error) => {
        const failure = toFollowFailure(error)
        reject(failure)
        batcher.fail(failure)
      })
    })
  } catch (error) {
    await watcher.close()
    throw error
  }
  return {
    batches: batcher.batches,
    async close() {
      batcher.end()
      await watcher.close()
    },
  }
}

/** Collects paths until there has been quiet for `quietMs`. */
export interface Batcher {
  readonly batches: AsyncIterable<ReadonlySet<string>>
  add(path: string): void
  /** Ends the batches; what has not been handed out is dropped. */
  end(): void
  fail(error: Error): void
}

export function makeBatcher(clock: Clock): Batcher {
  let pending = new Set<string>()
  let lastMs = 0
  let failure: Error | undefined
  let wake: () => void = () => {}
  const ending = new AbortController()

  async function* read(): AsyncGenerator<ReadonlySet<string>, void> {
    for (;;) {
      while (pending.size === 0 && !ending.signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      for (let left = quietMs; left > 0 && !ending.signal.aborted; left = lastMs + quietMs - clock.nowMs()) {
        await clock.sleep(left, ending.signal).catch(() => {})
      }
      if (failure !== undefined) throw failure
      if (ending.signal.aborted) return
      const batch = pending
      pending = new Set()
      yield batch
    }
  }
  function end(): void {
    ending.abort()
    wake()
  }
  return {
    batches: read(),
    add(path) {
      pending.add(path)
      lastMs = clock.nowMs()
      wake()
    },
    end,
    fail(error) {
      failure ??= error
      end()
    },
  }
}
