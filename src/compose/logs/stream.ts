import { StringDecoder } from 'node:string_decoder'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { containerLogs } from '../../engine/api/streams.ts'
import type { LogsQuery } from '../../engine/api/streams.ts'
import type { OutputChunk } from '../../engine/streams.ts'
import type { Engine } from '../../engine/engine.ts'
import type { LogSink } from './sink.ts'

/** A container whose output is shown. */
export interface LogSource {
  readonly id: string
  /** As it stands before its lines: `web-1`. */
  readonly label: string
}

/** How far a copy has come, for whoever has to tell a slow reader from the end. */
export interface Flow {
  /** Pieces so far. */
  pieces: number
  /** What was copied last has not been taken yet: a reader is slow. */
  isHeldUp: boolean
}

/** Writes a container's log into a sink; with `follow` until the container stops. */
export async function streamLogs(
  engine: Engine,
  source: LogSource,
  query: LogsQuery,
  sink: LogSink,
  o: CallOptions,
  flow?: Flow,
): Promise<void> {
  await pump(await containerLogs(engine, source.id, query, o), source.label, sink, flow)
}

/**
 * Copies output into a sink without ever cutting a character in two, no faster than the sink has room. Ends with the
 * output.
 */
export async function pump(
  output: AsyncIterable<OutputChunk>,
  label: string,
  sink: LogSink,
  flow: Flow = { pieces: 0, isHeldUp: false },
): Promise<void> {
  const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') }
  try {
    for await (const { stream, data } of output) {
      const text = decoders[stream].write(data)
      if (text !== '') sink.write(label, stream, text)
      flow.pieces += 1
      flow.isHeldUp = true
      await sink.room?.()
      flow.isHeldUp = false
    }
  } finally {
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = decoders[stream].end()
      if (rest !== '') sink.write(label, stream, rest)
    }
    sink.end(label)
  }
}

/** After the end of a container its last output may take a moment to arrive. Longer silence is taken for its end. */
const drainMs = 10_000

/**
 * Resolves when the output of a container that has ended is over: for as long as some of it comes, or its reader takes to
 * take it.
 *
 * @param output settles at the end of the stream; never rejects
 */
export async function waitUntilDrained(
  { output, flow }: { readonly output: Promise<void>; readonly flow: Flow },
  clock: Clock,
  closing: AbortSignal,
): Promise<void> {
  const over = new AbortController()
  const signal = AbortSignal.any([over.signal, closing])
  const ending = output.then(() => 'over' as const)
  for (let before = -1; flow.isHeldUp || flow.pieces > before;) {
    before = flow.pieces
    const pause = clock.sleep(drainMs, signal).catch(() => {})
    if ((await Promise.race([ending, pause])) === 'over' || signal.aborted) break
  }
  over.abort()
}
