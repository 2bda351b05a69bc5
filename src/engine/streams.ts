import type { Buffer } from 'node:buffer'
import type { Duplex, Readable } from 'node:stream'
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

/** Wraps a hijacked socket. */
export function toOutput(socket: Duplex, multiplexed: boolean): AttachedStream {
  return { socket, multiplexed, output: demultiplex(socket, multiplexed) }
}

/**
 * The pieces of an output stream in order; a raw one (TTY) is all `stdout`. Can be iterated once; leaving
 * early destroys `source`.
 */
export async function* demultiplex(source: Readable, multiplexed: boolean): AsyncGenerator<OutputChunk, void> {
  if (!multiplexed) {
    for await (const data of source as AsyncIterable<Buffer>) yield { stream: 'stdout', data }
    return
  }
  const demultiplexer = makeDemultiplexer()
  for await (const chunk of source as AsyncIterable<Buffer>) yield* demultiplexer.push(chunk)
  demultiplexer.end()
}
