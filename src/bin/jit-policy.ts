import type { Clock } from '../core/clock.ts'

/** Programs that run for less are commands; what runs longer is a server, an attached `up`, `logs --follow`. */
const shortRunMs = 1000

/**
 * Compiles hot code as eagerly as usual once the program has run for a while.
 *
 * The single-file executable starts reluctant (scripts/build-exe.mjs): for a command of a tenth of a second,
 * compiling costs more than it gains. Does nothing on Node.
 */
export function compileEagerlyOnceLong(clock: Clock, globals: object = globalThis): void {
  const bun: unknown = Reflect.get(globals, 'Bun')
  if (!hasJitPolicy(bun)) return
  void clock.sleep(shortRunMs).then(() => bun.unsafe.setJITPolicy(1))
}

interface JitPolicy {
  readonly unsafe: { setJITPolicy(scale: number): void }
}

function hasJitPolicy(bun: unknown): bun is JitPolicy {
  if (typeof bun !== 'object' || bun === null) return false
  const unsafe: unknown = Reflect.get(bun, 'unsafe')
  return typeof unsafe === 'object' && unsafe !== null && typeof Reflect.get(unsafe, 'setJITPolicy') === 'function'
}
