import { dnf } from './package-tools.ts'
import type { Provisioner } from './provisioner.ts'
import { fromTable } from './system-table.ts'

/** Amazon Linux: version 2 keeps the engine among its extras, later ones among the packages. */
export const amazon: Provisioner = fromTable({
  name: 'amzn',
  systems: ['Amazon Linux'],
  ids: ['amzn'],
  tool: dnf,
  preparations: [
    {
      run: 'if command -v amazon-linux-extras >/dev/null 2>&1; then amazon-linux-extras enable docker; fi',
      mayFail: false,
    },
  ],
  sources: [{ from: 'Amazon', packages: ['docker'], versioned: ['docker'] }],
  firewall: 'firewalld',
})
