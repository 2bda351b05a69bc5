import type { FlagTable } from '../../../core/flag.ts'

/** Flags of `create --driver local`. */
export const localFlags: FlagTable = {
  'local-engine-root': {
    kind: 'string',
    brief:
      "Engine to run: host (this machine's own), a version (28.5), a Debian release (sid), or the directory of a root tree",
    default: 'host',
    env: ['FLOTILLA_LOCAL_ENGINE_ROOT'],
  },
  'local-memory': {
    kind: 'integer',
    brief: 'Memory the host shows, in MB (0: that of this machine)',
    default: 0,
    env: ['FLOTILLA_LOCAL_MEMORY'],
  },
  'local-cpus': {
    kind: 'string',
    brief: 'CPUs the host may use, as a list such as 0-1,3 (empty: all)',
    default: '',
    env: ['FLOTILLA_LOCAL_CPUS'],
  },
  'local-subnet': {
    kind: 'string',
    brief: 'Network of the host; hosts of one network reach each other',
    default: '10.213.0.0/24',
    env: ['FLOTILLA_LOCAL_SUBNET'],
  },
  'local-isolated': {
    kind: 'boolean',
    brief: 'Do not let the host reach other networks through this machine',
    env: ['FLOTILLA_LOCAL_ISOLATED'],
  },
  'local-systemd': {
    kind: 'boolean',
    brief: 'Boot Debian with systemd and an SSH server, and provision it as any other machine',
    env: ['FLOTILLA_LOCAL_SYSTEMD'],
  },
}
