import type { DriverDescriptor } from '../../driver.ts'
import { qemuFlags } from './flags.ts'
import { machineFiles } from './qemu-args.ts'

/** A virtual machine of this computer, with a kernel of its own. */
export const descriptor: DriverDescriptor = {
  name: 'qemu',
  apiVersion: 1,
  flags: qemuFlags,
  stays: () => 'its disk',
  placeFiles: Object.values(machineFiles),
  load: async () => (await import('./driver.ts')).qemuFactory,
}
