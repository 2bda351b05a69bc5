import type { FlagTable } from '../../../core/flag.ts'

/** Flags of `create --driver docker`. */
export const dockerFlags: FlagTable = {
  'docker-host': {
    kind: 'string',
    brief: 'Engine that the machine is a container of (default: DOCKER_HOST, the docker context, the local socket)',
    default: '',
    env: ['FLOTILLA_DOCKER_HOST'],
  },
  'docker-context': {
    kind: 'string',
    brief: 'Docker context of that engine',
    default: '',
    env: ['FLOTILLA_DOCKER_CONTEXT'],
  },
  'docker-image': {
    kind: 'string',
    brief: 'Image with sh and dockerd, such as docker:dind (default: made from --docker-engine)',
    default: '',
    env: ['FLOTILLA_DOCKER_IMAGE'],
  },
  'docker-engine': {
    kind: 'string',
    brief:
      "Engine inside: host (this computer's own programs), a version (28.5), a Debian release (sid), or the directory of a root tree",
    default: 'host',
    env: ['FLOTILLA_DOCKER_ENGINE'],
  },
  'docker-cpus': {
    kind: 'number',
    brief: 'CPUs the machine may use, such as 1.5 (0: all)',
    default: 0,
    env: ['FLOTILLA_DOCKER_CPUS'],
  },
  'docker-memory': {
    kind: 'integer',
    brief: 'Memory the machine may use, in MB (0: no limit)',
    default: 0,
    env: ['FLOTILLA_DOCKER_MEMORY'],
  },
  'docker-network': {
    kind: 'string',
    brief: 'Network of the machine, made when missing; machines of one network reach each other',
    default: 'flotilla-machines',
    env: ['FLOTILLA_DOCKER_NETWORK'],
  },
  'docker-volume': {
    kind: 'string',
    brief: 'Volume for images and containers, kept by rm (default: one that goes with the machine)',
    default: '',
    env: ['FLOTILLA_DOCKER_VOLUME'],
  },
  'docker-publish': {
    kind: 'boolean',
    brief: "Reach the machine through a port of the engine's host even where its own address can be reached",
    env: ['FLOTILLA_DOCKER_PUBLISH'],
  },
}
