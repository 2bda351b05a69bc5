import { readText } from '../../driver.ts'
import type { DriverDescriptor } from '../../driver.ts'
import { dockerFlags } from './flags.ts'

/** A machine is a privileged container of an engine that is there already, with an engine inside. */
export const descriptor: DriverDescriptor = {
  name: 'docker',
  apiVersion: 1,
  flags: dockerFlags,
  // The outer engine of another computer is as good from anywhere.
  stays: (config) => (/^(?:tcp|https?|ssh):/.test(readText(config, 'OuterHost')) ? undefined : 'its container'),
  load: async () => (await import('./driver.ts')).dockerFactory,
}
