import { pacman } from './package-tools.ts'
import type { Provisioner } from './provisioner.ts'
import { fromTable } from './system-table.ts'

/** Arch and what is made from it. */
export const arch: Provisioner = fromTable({
  name: 'arch',
  systems: ['Arch Linux', 'derivatives of Arch'],
  ids: ['arch', 'archarm'],
  tool: pacman,
  sources: [{ from: 'Arch', packages: ['docker'], versioned: ['docker'] }],
})
