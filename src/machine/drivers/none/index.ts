import type { DriverDescriptor } from '../../driver.ts'

/** A machine that is only an address. */
export const descriptor: DriverDescriptor = {
  name: 'none',
  apiVersion: 1,
  flags: { url: { kind: 'string', brief: 'Address of the engine, tcp://HOST:PORT or unix:///PATH', default: '' } },
  load: async () => (await import('./driver.ts')).noneFactory,
}
