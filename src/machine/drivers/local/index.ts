import type { DriverDescriptor } from '../../driver.ts'
import { localFlags } from './flags.ts'

/** Hosts made of Linux namespaces of this machine, each with an engine and an address of its own. */
export const descriptor: DriverDescriptor = {
  name: 'local',
  apiVersion: 1,
  flags: localFlags,
  stays: () => 'its host',
  load: async () => (await import('./driver.ts')).localFactory,
}
