// Written by scripts/gen-builtins.mjs; do not edit.
import type { PluginTable } from './make-registry.ts'

export const builtins: PluginTable = {
  driver: {
    'docker': { source: 'built-in', load: () => import('../machine/drivers/docker/index.ts').then((module) => module.descriptor) },
    'generic': { source: 'built-in', load: () => import('../machine/drivers/generic/index.ts').then((module) => module.descriptor) },
    'local': { source: 'built-in', load: () => import('../machine/drivers/local/index.ts').then((module) => module.descriptor) },
    'none': { source: 'built-in', load: () => import('../machine/drivers/none/index.ts').then((module) => module.descriptor) },
    'qemu': { source: 'built-in', load: () => import('../machine/drivers/qemu/index.ts').then((module) => module.descriptor) },
  },
  provisioner: {
    'SUSE': { source: 'built-in', load: () => import('../machine/provision/suse.ts').then((module) => module.suse) },
    'almalinux': { source: 'built-in', load: () => import('../machine/provision/redhat.ts').then((module) => module.almalinux) },
    'alpine': { source: 'built-in', load: () => import('../machine/provision/alpine.ts').then((module) => module.alpine) },
    'amzn': { source: 'built-in', load: () => import('../machine/provision/amazon.ts').then((module) => module.amazon) },
    'arch': { source: 'built-in', load: () => import('../machine/provision/arch.ts').then((module) => module.arch) },
    'boot2docker': { source: 'built-in', load: () => import('../machine/provision/boot2docker.ts').then((module) => module.boot2docker) },
    'centos': { source: 'built-in', load: () => import('../machine/provision/redhat.ts').then((module) => module.centos) },
    'debian': { source: 'built-in', load: () => import('../machine/provision/debian.ts').then((module) => module.debian) },
    'fedora': { source: 'built-in', load: () => import('../machine/provision/redhat.ts').then((module) => module.fedora) },
    'fedora-coreos': { source: 'built-in', load: () => import('../machine/provision/coreos.ts').then((module) => module.fedoraCoreos) },
    'flatcar': { source: 'built-in', load: () => import('../machine/provision/coreos.ts').then((module) => module.flatcar) },
    'ol': { source: 'built-in', load: () => import('../machine/provision/redhat.ts').then((module) => module.oracle) },
    'photon': { source: 'built-in', load: () => import('../machine/provision/photon.ts').then((module) => module.photon) },
    'redhat': { source: 'built-in', load: () => import('../machine/provision/redhat.ts').then((module) => module.redhat) },
    'rocky': { source: 'built-in', load: () => import('../machine/provision/redhat.ts').then((module) => module.rocky) },
    'ubuntu(systemd)': { source: 'built-in', load: () => import('../machine/provision/ubuntu.ts').then((module) => module.ubuntu) },
  },
  filter: {
    'affinity': { source: 'built-in', load: () => import('../cluster/filters/affinity.ts').then((module) => module.affinityFilter) },
    'availability': { source: 'built-in', load: () => import('../cluster/filters/availability.ts').then((module) => module.availabilityFilter) },
    'constraint': { source: 'built-in', load: () => import('../cluster/filters/constraint.ts').then((module) => module.constraintFilter) },
    'containerslots': { source: 'built-in', load: () => import('../cluster/filters/containerslots.ts').then((module) => module.containerslotsFilter) },
    'dependency': { source: 'built-in', load: () => import('../cluster/filters/dependency.ts').then((module) => module.dependencyFilter) },
    'health': { source: 'built-in', load: () => import('../cluster/filters/health.ts').then((module) => module.healthFilter) },
    'port': { source: 'built-in', load: () => import('../cluster/filters/port.ts').then((module) => module.portFilter) },
    'whitelist': { source: 'built-in', load: () => import('../cluster/filters/whitelist.ts').then((module) => module.whitelistFilter) },
  },
  strategy: {
    'binpack': { aliases: ['binpacking'], source: 'built-in', load: () => import('../cluster/strategies/binpack.ts').then((module) => module.binpackStrategy) },
    'random': { source: 'built-in', load: () => import('../cluster/strategies/random.ts').then((module) => module.randomStrategy) },
    'spread': { source: 'built-in', load: () => import('../cluster/strategies/spread.ts').then((module) => module.spreadStrategy) },
  },
  discovery: {
    'consul': { source: 'built-in', load: () => import('../cluster/discovery/consul.ts').then((module) => module.consul) },
    'etcd': { source: 'built-in', load: () => import('../cluster/discovery/etcd.ts').then((module) => module.etcd) },
    'file': { source: 'built-in', load: () => import('../cluster/discovery/file.ts').then((module) => module.file) },
    'nodes': { source: 'built-in', load: () => import('../cluster/discovery/nodes.ts').then((module) => module.nodes) },
    'token': { source: 'built-in', load: () => import('../cluster/discovery/token.ts').then((module) => module.token) },
    'zk': { source: 'built-in', load: () => import('../cluster/discovery/zk.ts').then((module) => module.zk) },
  },
}
