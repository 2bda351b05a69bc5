import type { Provisioner } from './provisioner.ts'
import { fromTable } from './system-table.ts'

/** The old ISO and what is built like it: everything in memory but `/var/lib/boot2docker`. */
export const boot2docker: Provisioner = fromTable({
  name: 'boot2docker',
  systems: ['boot2docker'],
  ids: ['boot2docker'],
  sources: [],
  service: 'boot2docker',
  optionsDir: '/var/lib/boot2docker',
})
