import { apk } from './package-tools.ts'
import type { Provisioner } from './provisioner.ts'
import { fromTable } from './system-table.ts'

/** Alpine, whose engine is in the community repository and is started by OpenRC. */
export const alpine: Provisioner = fromTable({
  name: 'alpine',
  systems: ['Alpine Linux'],
  ids: ['alpine'],
  tool: apk,
  // The repository is listed, but commented out, after an installation by hand; so is that of the unstable edge, which must
  // not be mixed with a release.
  preparations: [
    {
      run: 'for base in $(sed -n \'s|^\\(http.*\\)/main$|\\1|p\' /etc/apk/repositories); do sed -i "s|^#[[:space:]]*\\($base/community\\)$|\\1|" /etc/apk/repositories; done',
      mayFail: false,
    },
  ],
  sources: [{ from: 'Alpine', packages: ['docker', 'iptables'], versioned: ['docker'] }],
})
