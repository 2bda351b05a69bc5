import { apk } from './package-tools.ts'
import type { Provisioner } from './provisioner.ts'
import { fromTable } from './system-table.ts'

/** Alpine, whose engine is in the community repository and is started by OpenRC. */
export const alpine: Provisioner = fromTable({
  name: 'alpine',
  systems: ['Alpine Linux'],
  ids: ['alpine'],
  tool: apk,
  // The repository is listed, but commented out, after an installation by hand.
  preparations: [
    { run: "sed -i 's|^#[[:space:]]*\\(http.*/community\\)$|\\1|' /etc/apk/repositories", mayFail: false },
  ],
  sources: [{ from: 'Alpine', packages: ['docker', 'iptables'], versioned: ['docker'] }],
})
