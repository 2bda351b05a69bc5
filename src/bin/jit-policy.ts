import type { Clock } from '../core/clock.ts'
import { compileEagerly } from '../io/long-running.ts'

/** Programs that run for less are commands; what runs longer is a server, an attached `up`, `logs --follow`. */
const shortRunMs = 1000

/**
 * Compiles hot code as eagerly as usual once the program has run for a while.
 *
 * The single-file executable starts reluctant (scripts/build-exe.mjs): for a command of a tenth of a second,
 * compiling costs more than it gains. Does nothing on Node.
 */
export function compileEagerlyOnceLong(clock: Clock, globals: object = globalThis): void {
  if ('Bun' in globals) void clock.sleep(shortRunMs).then(() => compileEagerly(globals))
}
