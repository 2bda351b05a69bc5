import type { DriverDescriptor } from '../../driver.ts'

/** A machine that is only an address. */
export const descriptor: DriverDescriptor = {
  name: 'none',
  apiVersion: 1,
  flags: { url: { kind: 'string', brief: 'URL of host when no driver is selected', default: '' } },
  load: async () => (await import('./driver.ts')).noneFactory,
}
