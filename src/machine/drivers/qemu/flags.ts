import type { FlagTable } from '../../../core/flag.ts'

/** Flags of `create --driver qemu`. */
export const qemuFlags: FlagTable = {
  'qemu-image': {
    kind: 'string',
    brief: 'Disk image with cloud-init and a boot loader, a file (default: Debian, built once from its packages)',
    default: '',
    env: ['FLOTILLA_QEMU_IMAGE'],
    complete: 'file',
  },
  'qemu-kernel': {
    kind: 'string',
    brief: 'Kernel for an image without a boot loader, a file; its root file system is labelled root',
    default: '',
    env: ['FLOTILLA_QEMU_KERNEL'],
    complete: 'file',
  },
  'qemu-initrd': {
    kind: 'string',
    brief: 'First file system for that kernel, a file',
    default: '',
    env: ['FLOTILLA_QEMU_INITRD'],
    complete: 'file',
  },
  'qemu-ssh-user': {
    kind: 'string',
    brief: 'User to log in as; made by cloud-init when it is not root',
    default: 'root',
    env: ['FLOTILLA_QEMU_SSH_USER'],
  },
  'qemu-cpus': { kind: 'integer', brief: 'CPUs of the machine', default: 2, env: ['FLOTILLA_QEMU_CPUS'] },
  'qemu-memory': {
    kind: 'integer',
    brief: 'Memory of the machine, in MB',
    default: 1024,
    env: ['FLOTILLA_QEMU_MEMORY'],
  },
  'qemu-disk': {
    kind: 'integer',
    brief: 'Size of the disk, in MB; it takes up what is written',
    default: 20_000,
    env: ['FLOTILLA_QEMU_DISK'],
  },
  'qemu-accel': {
    kind: 'string',
    brief: 'Run the processor with kvm, or emulate it (tcg); auto: kvm where it is proved to work',
    default: 'auto',
    choices: ['auto', 'kvm', 'tcg'],
    env: ['FLOTILLA_QEMU_ACCEL'],
  },
  'qemu-bridge': {
    kind: 'string',
    brief: 'Bridge of this computer to plug the machine into (default: a network of its own, ports on 127.0.0.1)',
    default: '',
    env: ['FLOTILLA_QEMU_BRIDGE'],
  },
  'qemu-address': {
    kind: 'string',
    brief: 'Address of the machine on that bridge, such as 192.0.2.5/24',
    default: '',
    env: ['FLOTILLA_QEMU_ADDRESS'],
  },
  'qemu-gateway': {
    kind: 'string',
    brief: 'Router of that network (default: none)',
    default: '',
    env: ['FLOTILLA_QEMU_GATEWAY'],
  },
}
