import { zypper } from './package-tools.ts'
import type { Provisioner } from './provisioner.ts'
import { fromTable } from './system-table.ts'

/** openSUSE and SUSE Linux Enterprise. The latter has the engine in a module that has to be switched on first. */
export const suse: Provisioner = fromTable({
  name: 'SUSE',
  systems: ['openSUSE', 'SUSE Linux Enterprise'],
  ids: ['opensuse', 'opensuse-leap', 'opensuse-tumbleweed', 'sles', 'sled', 'sles_sap', 'sle_hpc', 'suse'],
  tool: zypper,
  preparations: [
    {
      run: 'if command -v SUSEConnect >/dev/null 2>&1; then SUSEConnect --product "sle-module-containers/{versionId}/$(uname -m)"; fi',
      mayFail: true,
    },
  ],
  sources: [{ from: 'SUSE', packages: ['docker'], versioned: ['docker'] }],
  firewall: 'firewalld',
})
