import type { DriverDescriptor } from '../../driver.ts'
import { dockerFlags } from './flags.ts'

/** A machine is a privileged container of an engine that is there already, with an engine inside. */
export const descriptor: DriverDescriptor = {
  name: 'docker',
  apiVersion: 1,
  flags: dockerFlags,
  load: async () => (await import('./driver.ts')).dockerFactory,
}
