import { setFlagsFromString } from 'node:v8'

/**
 * A server lives for months and its memory is somebody's bill: on Node the heap may grow by this share beyond what is in
 * use before it is collected, not to several times of it. Bun takes no such word from a running program
 * (src/bin/small-heap.ts).
 */
const heapGrowth = '--heap-growing-percent=30'

/** For a program that is known to run on: its memory is kept small, and hot code is compiled eagerly from now on. */
export function tuneForServer(globals: object = globalThis): void {
  if (!('Bun' in globals)) setFlagsFromString(heapGrowth)
  compileEagerly(globals)
}

/**
 * Compiles hot code as eagerly as the engine usually does: the single-file executable starts reluctant
 * (scripts/build-exe.mjs). Does nothing on Node.
 */
export function compileEagerly(globals: object = globalThis): void {
  const bun: unknown = Reflect.get(globals, 'Bun')
  if (hasJitPolicy(bun)) bun.unsafe.setJITPolicy(1)
}

interface JitPolicy {
  readonly unsafe: { setJITPolicy(scale: number): void }
}

function hasJitPolicy(bun: unknown): bun is JitPolicy {
  if (typeof bun !== 'object' || bun === null) return false
  const unsafe: unknown = Reflect.get(bun, 'unsafe')
  return typeof unsafe === 'object' && unsafe !== null && typeof Reflect.get(unsafe, 'setJITPolicy') === 'function'
}
