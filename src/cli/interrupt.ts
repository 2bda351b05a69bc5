import { setMaxListeners } from 'node:events'
import type { SignalName, World } from './world.ts'

export type InterruptHandler = (name: SignalName, count: number) => void

/** Who answers Ctrl-C: the command that claimed it, else the abort signal, else the end of the program. */
export interface Interrupts {
  readonly signal: AbortSignal
  onInterrupt(handler: InterruptHandler): () => void
  /** The first signal that nobody had claimed. */
  received(): SignalName | undefined
  /** Aborts for another reason than a signal, also what has claimed signals. */
  abort(reason: string): void
  /** Whether a command is answering a signal that it claimed. */
  isAnswering(): boolean
  /** Settles when a second unclaimed signal says that waiting is over. */
  readonly impatient: Promise<SignalName>
  stop(): void
}

/** Listens from now on until `stop`. */
export function listenForInterrupts(world: World): Interrupts {
  const abort = new AbortController()
  // A command that asks a hundred hosts has a hundred listeners, which is no leak.
  setMaxListeners(0, abort.signal)
  const claims: { readonly handler: InterruptHandler; count: number }[] = []
  let first: SignalName | undefined
  let giveUp: (name: SignalName) => void = () => {}
  const impatient = new Promise<SignalName>((resolve) => {
    giveUp = resolve
  })
  const stop = world.onSignal((name) => {
    const claim = claims.at(-1)
    if (claim !== undefined) {
      claim.count += 1
      claim.handler(name, claim.count)
    } else if (first === undefined) {
      first = name
      abort.abort(new DOMException(name, 'AbortError'))
    } else {
      giveUp(name)
    }
  })
  return {
    signal: abort.signal,
    received: () => first,
    abort: (reason) => abort.abort(new DOMException(reason, 'AbortError')),
    isAnswering: () => claims.some(({ count }) => count > 0),
    impatient,
    stop,
    onInterrupt(handler) {
      const claim = { handler, count: 0 }
      claims.push(claim)
      return () => {
        const index = claims.indexOf(claim)
        if (index >= 0) claims.splice(index, 1)
      }
    },
  }
}
