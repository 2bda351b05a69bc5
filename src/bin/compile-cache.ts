import * as module from 'node:module'
import { join } from 'node:path'

type Env = Readonly<Record<string, string | undefined>>

/**
 * Keeps compiled code between starts where Node can (22.1 and later): a third of the loading time of large
 * chunks (330 kB: 9 ms without, 2.5 ms with it).
 *
 * Only in a folder of the user's own: Node's default below the shared temporary folder could be filled
 * beforehand by somebody else, and compiled code is trusted. Never fails.
 */
export function enableCompileCache(env: Env): void {
  const enable: unknown = Reflect.get(module, 'enableCompileCache')
  if (typeof enable !== 'function' || (env['NODE_COMPILE_CACHE'] ?? '') !== '') return
  const home = env['HOME'] ?? ''
  const cache = env['XDG_CACHE_HOME'] ?? (home === '' ? '' : join(home, '.cache'))
  if (cache === '') return
  try {
    enable(join(cache, 'flotilla', 'compiled'))
  } catch {
    // Starting slower is no reason not to start.
  }
}
