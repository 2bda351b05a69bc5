import type { Clock } from '../core/clock.ts'
import type { DriverPrograms } from '../machine/driver-programs/find.ts'
import type { PluginEntry } from './make-registry.ts'
import type { PluginKind } from './registry.ts'

/** Parts that are programs of their own, found by name. */
export interface ProgramSource {
  find(kind: PluginKind, name: string): Promise<PluginEntry | undefined>
  /** Ends those that were started and waits for it. */
  close(): Promise<void>
}

/**
 * Drivers on the PATH: `flotilla-driver-NAME` and `docker-machine-driver-NAME`. Looked for when a driver is asked for that
 * nothing else provides.
 */
export function findPrograms(ctx: {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
}): ProgramSource {
  let opened: Promise<DriverPrograms> | undefined
  return {
    async find(kind, name) {
      if (kind !== 'driver') return undefined
      opened ??= import('../machine/driver-programs/find.ts').then((module) => module.findDriverPrograms(ctx))
      const driver = await (await opened).find(name)
      return driver === undefined ? undefined : { source: `program ${name}`, load: async () => driver }
    },
    async close() {
      await (await opened)?.close()
    },
  }
}
