import type { Buffer } from 'node:buffer'
import type { Duplex, Readable } from 'node:stream'
import type { Endpoint } from './endpoint.ts'
import { toStreamError } from './errors.ts'
import { makeDemultiplexer } from './stdcopy.ts'
import type { OutputChunk } from './stdcopy.ts'

export type { OutputChunk } from './stdcopy.ts'

/** The joined streams of a container or an exec. */
export interface AttachedStream {
  /** Written to it is stdin; ending it closes stdin and leaves the output open. Destroying it detaches. */
  readonly socket: Duplex
  readonly multiplexed: boolean
  /** What the process writes, until it ends. Reads from `socket`: use one or the other. */
  readonly output: AsyncIterable<OutputChunk>
}

/** Wraps a hijacked socket. @param endpoint whose it is, for errors */
export function toOutput(socket: Duplex, multiplexed: boolean, endpoint?: Endpoint): AttachedStream {
  return { socket, multiplexed, output: demultiplex(socket, multiplexed, endpoint) }
}

/**
 * The pieces of an output stream in order; a raw one (TTY) is all `stdout`. Can be iterated once; leaving
 * early destroys `source`.
 *
 * @param endpoint whose stream it is, for errors
 */
export async function* demultiplex(
  source: Readable,
  multiplexed: boolean,
  endpoint?: Endpoint,
): AsyncGenerator<OutputChunk, void> {
  try {
    yield* split(source, multiplexed)
  } catch (error) {
    throw endpoint === undefined ? error : toStreamError(endpoint, error)
  }
}

async function* split(source: Readable, multiplexed: boolean): AsyncGenerator<OutputChunk, void> {
  if (!multiplexed) {
    for await (const data of source as AsyncIterable<Buffer>) yield { stream: 'stdout', data }
    return
  }
  const demultiplexer = makeDemultiplexer()
  for await (const chunk of source as AsyncIterable<Buffer>) yield* demultiplexer.push(chunk)
  demultiplexer.end()
}
