import { apt } from './package-tools.ts'
import type { Provisioner } from './provisioner.ts'
import { dockerForApt } from './docker-repositories.ts'
import { fromTable } from './system-table.ts'

/** Debian and what is made from it. */
export const debian: Provisioner = fromTable({
  name: 'debian',
  systems: ['Debian', 'Raspbian', 'derivatives of Debian'],
  ids: ['debian', 'raspbian'],
  tool: apt,
  sources: [
    { from: 'Debian', packages: ['docker.io', 'iptables'], versioned: ['docker.io'] },
    { ...dockerForApt('debian'), isFallback: true },
  ],
})
