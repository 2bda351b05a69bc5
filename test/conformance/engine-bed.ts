import type { ContainerCreateBody } from '../../src/engine/api/types.ts'
import type { Engine } from '../../src/engine/engine.ts'
import type { OutputChunk } from '../../src/engine/streams.ts'

/** An engine to hold against the suite. */
export interface EngineUnderTest {
  readonly engine: Engine
  /** An image that is there and has `sh`, `cat`, `echo` and `sleep`. */
  readonly image: string
  stop(): Promise<void>
}

/** Marks what the suite makes. */
export const label = 'flotilla.conformance'

/** What the parts of the suite share. */
export interface EngineBed {
  readonly engine: Engine
  readonly image: string
  /** Marks what this run makes, and finds it. */
  readonly run: string
  readonly labels: Readonly<Record<string, string>>
  readonly filter: string
  freeName(): string
  /** Creates a container that sleeps, or runs a script. @returns its ID */
  make(body?: Partial<ContainerCreateBody> & { readonly script?: string }): Promise<string>
  /** As `make`, and starts it. */
  makeRunning(body?: Parameters<EngineBed['make']>[0]): Promise<string>
}

/** Output to its end, by stream. */
export async function collect(output: AsyncIterable<OutputChunk>): Promise<{ stdout: string; stderr: string }> {
  const text = { stdout: '', stderr: '' }
  for await (const chunk of output) text[chunk.stream] += chunk.data.toString('latin1')
  return text
}

/** All that a stream yields. */
export async function drain(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = []
  for await (const each of stream) all.push(each)
  return all
}
