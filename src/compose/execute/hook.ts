import { StringDecoder } from 'node:string_decoder'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import type { OutputChunk } from '../../engine/streams.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Hook, Service } from '../model/service.ts'
import { toLogName } from '../translate/name.ts'
import { runInContainer } from './run-in-container.ts'

/** A piece of what a hook prints. */
export interface HookOutput {
  /** As it stands before its lines: `web-1 ->`. */
  readonly label: string
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
}

/** Who hears what hooks print. */
export interface HookListener {
  readonly hookOutput?: (output: HookOutput) => void
}

/** A command to be run inside a container. */
export interface HookRun {
  readonly phase: 'post_start' | 'pre_stop'
  readonly id: string
  readonly name: string
  readonly service: Service
  readonly hook: Hook
  readonly project: string
  readonly clock: Clock
}

/**
 * Runs one `post_start` or `pre_stop` command inside a container, to its end. One that has ended by itself, or has gone,
 * before it was to be stopped is as wanted without (docker/compose, `stopContainer`).
 *
 * @throws {compose/execute} `web hook exited with status N`, with the last lines it printed as hint
 */
export async function runHook(engine: Engine, run: HookRun, listener: HookListener, o: CallOptions): Promise<void> {
  try {
    await runCommand(engine, run, listener, o)
  } catch (error) {
    const hasEnded = isFlotillaError(error) && (error.status === 404 || error.status === 409)
    if (run.phase !== 'pre_stop' || !hasEnded) throw error
  }
}

async function runCommand(engine: Engine, run: HookRun, listener: HookListener, o: CallOptions): Promise<void> {
  const { hook, service, id, clock } = run
  const label = `${toLogName(run.project, service.name, run.name)} ->`
  const { code, result: tail } = await runInContainer(
    engine,
    { id, command: hook, tty: service.tty === true, clock },
    (output) => relay(output, label, listener),
    o,
  )
  if (code === 0) return
  throw new FlotillaError('compose/execute', `${service.name} hook exited with status ${code ?? 'unknown'}`, {
    hint: tellOutput((hook.command ?? []).join(' '), tail),
  })
}

/** Bytes of output kept for an error. */
const tailLength = 1000

/** Passes output on, without ever cutting a character in two, and keeps its end. A line that is open at the end is ended. */
export async function relay(
  output: AsyncIterable<OutputChunk>,
  label: string,
  listener: HookListener,
): Promise<string> {
  const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') }
  const isOpen = { stdout: false, stderr: false }
  let tail = ''
  const pass = (stream: OutputChunk['stream'], text: string): void => {
    if (text === '') return
    tail = (tail + text).slice(-tailLength)
    isOpen[stream] = !text.endsWith('\n')
    listener.hookOutput?.({ label, stream, text })
  }
  for await (const { stream, data } of output) pass(stream, decoders[stream].write(data))
  for (const stream of ['stdout', 'stderr'] as const) {
    const half = decoders[stream].end()
    if (half !== '' || isOpen[stream]) pass(stream, `${half}\n`)
  }
  return tail.trim()
}

/** What is said about a command that failed. */
export function tellOutput(command: string, tail: string): string {
  return tail === '' ? `${command}: it printed nothing` : `${command}: ${tail}`
}
