import process from 'node:process'
import type { Readable } from 'node:stream'

type Input = typeof process.stdin

const opened = new WeakSet<Readable>()

/**
 * Standard input, which can be paused and goes on to its end.
 *
 * Bun (1.4.5, oven-sh/bun#43100) listens to its stream's `resume` and sets it back to how it was made. Where the input had
 * ended while what came before was still waiting in a paused stream, the end is forgotten: the last bytes come, `end`
 * never does, and a process that is fed waits for ever. Nothing else depends on the listener: `resume` itself takes the
 * reader back. It is taken away before anybody else listens.
 *
 * @param isBun whether Bun runs this: the listener is not looked for in the streams of Node
 */
export function openInput(stdin: Input, isBun: boolean = process.versions['bun'] !== undefined): Input {
  if (isBun && !opened.has(stdin)) {
    opened.add(stdin)
    stdin.removeAllListeners('resume')
  }
  return stdin
}
