import type { Provisioner } from './provisioner.ts'
import { fromTable } from './system-table.ts'

/** Flatcar and its ancestor: the engine is in the image, nothing can be installed. */
export const flatcar: Provisioner = fromTable({
  name: 'flatcar',
  systems: ['Flatcar Container Linux'],
  ids: ['flatcar', 'coreos'],
  sources: [],
})

/** Fedora CoreOS and other image-based variants of Fedora. */
export const fedoraCoreos: Provisioner = fromTable({
  name: 'fedora-coreos',
  systems: ['Fedora CoreOS'],
  ids: ['fedora'],
  variants: ['coreos', 'iot', 'silverblue', 'kinoite'],
  sources: [],
  firewall: 'firewalld',
})
