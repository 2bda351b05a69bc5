import { apt } from './package-tools.ts'
import type { Provisioner } from './provisioner.ts'
import { dockerForApt } from './docker-repositories.ts'
import { fromTable } from './system-table.ts'

/** Ubuntu since 15.04 and what is made from it. */
export const ubuntu: Provisioner = fromTable({
  name: 'ubuntu(systemd)',
  systems: ['Ubuntu 15.04 and later', 'derivatives of Ubuntu'],
  ids: ['ubuntu'],
  oldest: 15.04,
  tool: apt,
  sources: [
    { from: 'Ubuntu', packages: ['docker.io', 'iptables'], versioned: ['docker.io'] },
    { ...dockerForApt('ubuntu'), isFallback: true },
  ],
})
