import type { DriverDescriptor } from '../../driver.ts'

/** An existing computer that is reached over SSH. */
export const descriptor: DriverDescriptor = {
  name: 'generic',
  apiVersion: 1,
  flags: {
    'generic-engine-port': {
      kind: 'integer',
      brief: 'Port of the engine on the machine',
      default: 2376,
      env: ['GENERIC_ENGINE_PORT'],
    },
    'generic-ip-address': {
      kind: 'string',
      brief: 'Address or name of the machine; required',
      default: '',
      env: ['GENERIC_IP_ADDRESS'],
    },
    'generic-ssh-user': { kind: 'string', brief: 'User to log in as', default: 'root', env: ['GENERIC_SSH_USER'] },
    'generic-ssh-key': {
      kind: 'string',
      brief: 'Private key to log in with, a file (default: agent and usual keys)',
      default: '',
      env: ['GENERIC_SSH_KEY'],
    },
    'generic-ssh-port': { kind: 'integer', brief: 'Port of the SSH server', default: 22, env: ['GENERIC_SSH_PORT'] },
  },
  load: async () => (await import('./driver.ts')).genericFactory,
}
