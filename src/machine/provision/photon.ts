import { tdnf } from './package-tools.ts'
import type { Provisioner } from './provisioner.ts'
import { fromTable } from './system-table.ts'

/** Photon OS, which brings the engine and lets it be updated. */
export const photon: Provisioner = fromTable({
  name: 'photon',
  systems: ['Photon OS'],
  ids: ['photon'],
  tool: tdnf,
  sources: [{ from: 'Photon', packages: ['docker'], versioned: ['docker'] }],
})
