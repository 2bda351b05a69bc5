import type { DriverDescriptor } from '../../driver.ts'

/** An existing computer that is reached over SSH. */
export const descriptor: DriverDescriptor = {
  name: 'generic',
  apiVersion: 1,
  flags: {
    'generic-engine-port': {
      kind: 'integer',
      brief: 'Docker engine port',
      default: 2376,
      env: ['GENERIC_ENGINE_PORT'],
    },
    'generic-ip-address': { kind: 'string', brief: 'IP Address of machine', default: '', env: ['GENERIC_IP_ADDRESS'] },
    'generic-ssh-user': { kind: 'string', brief: 'SSH user', default: 'root', env: ['GENERIC_SSH_USER'] },
    'generic-ssh-key': {
      kind: 'string',
      brief: 'SSH private key path (if not provided, the agent and the default keys are used)',
      default: '',
      env: ['GENERIC_SSH_KEY'],
    },
    'generic-ssh-port': { kind: 'integer', brief: 'SSH port', default: 22, env: ['GENERIC_SSH_PORT'] },
  },
  load: async () => (await import('./driver.ts')).genericFactory,
}
