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
    // From Debian 13 on the command `docker` is a package of its own.
    { from: 'Debian', packages: ['docker.io', 'iptables'], extras: ['docker-cli'], versioned: ['docker.io'] },
    { ...dockerForApt('debian'), isFallback: true },
  ],
})
