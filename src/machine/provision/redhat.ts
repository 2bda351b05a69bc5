import { dockerForDnf } from './docker-repositories.ts'
import { dnf } from './package-tools.ts'
import type { Provisioner } from './provisioner.ts'
import { fromTable } from './system-table.ts'

/** Fedora has an engine of its own. CoreOS-like variants have it inside (`coreos.ts`). */
export const fedora: Provisioner = fromTable({
  name: 'fedora',
  systems: ['Fedora'],
  ids: ['fedora'],
  otherVariants: ['coreos', 'iot', 'silverblue', 'kinoite'],
  tool: dnf,
  sources: [
    { from: 'Fedora', packages: ['moby-engine'], versioned: ['moby-engine'] },
    { ...dockerForDnf('fedora'), isFallback: true },
  ],
  firewall: 'firewalld',
})

export const centos: Provisioner = fromTable({
  name: 'centos',
  systems: ['CentOS'],
  ids: ['centos'],
  tool: dnf,
  sources: [dockerForDnf('centos')],
  firewall: 'firewalld',
})

/** A derivative that names RHEL as its relative comes here too. */
export const redhat: Provisioner = fromTable({
  name: 'redhat',
  systems: ['Red Hat Enterprise Linux', 'derivatives of it'],
  ids: ['rhel'],
  tool: dnf,
  sources: [dockerForDnf('rhel')],
  firewall: 'firewalld',
})

export const rocky: Provisioner = fromTable({
  name: 'rocky',
  systems: ['Rocky Linux'],
  ids: ['rocky'],
  tool: dnf,
  sources: [dockerForDnf('centos')],
  firewall: 'firewalld',
})

export const almalinux: Provisioner = fromTable({
  name: 'almalinux',
  systems: ['AlmaLinux'],
  ids: ['almalinux'],
  tool: dnf,
  sources: [dockerForDnf('centos')],
  firewall: 'firewalld',
})

export const oracle: Provisioner = fromTable({
  name: 'ol',
  systems: ['Oracle Linux'],
  ids: ['ol'],
  tool: dnf,
  sources: [dockerForDnf('centos')],
  firewall: 'firewalld',
})
