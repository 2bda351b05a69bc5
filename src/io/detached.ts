import { spawn } from 'node:child_process'
import { promises as fs } from 'node:fs'
import type { Readable } from 'node:stream'
import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { startDeadline, toAbortError } from '../core/deadline.ts'
import { FlotillaError, toMessage } from '../core/errors.ts'
import { codeOf } from './files.ts'
import { killTree } from './exec.ts'
import type { ProgramWords } from './exec.ts'

export interface DetachedOptions extends CallOptions {
  readonly clock: Clock
  /** Standard output and error are appended here. */
  readonly logPath: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Told the process number as soon as there is one, before it is known whether the program gets ready. */
  readonly onSpawn?: (pid: number) => Promise<void>
  /**
   * Wait until the program writes a line to descriptor 3. Absent: return once it is started.
   * A program that ends first rejects with what it wrote to the log.
   */
  readonly waitsForReady?: boolean
}

/**
 * Starts a program that lives on when this process ends: own session, no terminal, output to a file.
 *
 * @returns its process number
 * @throws {io/exec} when it cannot be started, or ends before it is ready
 */
export async function startDetached(words: ProgramWords, o: DetachedOptions): Promise<number> {
  const [file, ...args] = words
  const log = await fs.open(o.logPath, 'a', 0o600)
  const startSize = (await log.stat()).size
  try {
    const child = spawn(file, args, {
      ...(o.cwd === undefined ? {} : { cwd: o.cwd }),
      ...(o.env === undefined ? {} : { env: o.env }),
      detached: true,
      stdio: ['ignore', log.fd, log.fd, o.waitsForReady === true ? 'pipe' : 'ignore'],
    })
    child.unref()
    const failure = new Promise<never>((_, reject) => {
      child.once('error', (error) => reject(cannotStart(file, error)))
    })
    const started = new Promise<number>((resolve) => {
      child.once('spawn', () => resolve(child.pid ?? 0))
    })
    const pid = await Promise.race([started, failure])
    failure.catch(() => {})
    try {
      await o.onSpawn?.(pid)
      if (o.waitsForReady === true) await waitForLine(child.stdio[3] as Readable, file, o, startSize)
    } catch (error) {
      killTree(child)
      throw error
    }
    return pid
  } finally {
    await log.close()
  }
}

function cannotStart(file: string, error: unknown): FlotillaError {
  const reason = codeOf(error) === 'ENOENT' ? 'no such program' : toMessage(error)
  return new FlotillaError('io/exec', `cannot run ${file}: ${reason}`, { cause: error })
}

async function waitForLine(pipe: Readable, file: string, o: DetachedOptions, logStart: number): Promise<void> {
  const deadline = startDeadline(
    o.clock,
    o,
    () => new FlotillaError('core/deadline', `${file} was not ready within ${o.deadlineMs} ms`),
  )
  try {
    const isReady = await new Promise<boolean>((resolve, reject) => {
      deadline.signal?.addEventListener('abort', () => reject(toAbortError(deadline.signal)), { once: true })
      pipe.once('data', () => resolve(true))
      pipe.once('end', () => resolve(false))
      pipe.once('error', reject)
    })
    if (isReady) return
    const said = (await fs.readFile(o.logPath, 'utf8').catch(() => '')).slice(logStart).trim()
    throw new FlotillaError('io/exec', `${file} ended before it was ready: ${said.split('\n').slice(-5).join('\n')}`)
  } finally {
    deadline.release()
    pipe.destroy()
  }
}
