import type { ProgramWords } from '../../../io/exec.ts'

/** Pure: the command line of a machine. */

export type Accelerator = 'kvm' | 'tcg'

/** File names in the machine's folder, which is the working directory of its process. */
export const machineFiles = {
  disk: 'disk.qcow2',
  seed: 'seed.iso',
  monitor: 'qmp.sock',
  pid: 'qemu.pid',
  console: 'boot.log',
  log: 'qemu.log',
  process: 'qemu.json',
} as const

/** Node's name of an architecture → program and kind of machine. */
const systems: Readonly<
  Record<string, { readonly program: string; readonly machine: string; readonly serial: string }>
> = {
  x64: { program: 'qemu-system-x86_64', machine: 'q35', serial: 'ttyS0' },
  arm64: { program: 'qemu-system-aarch64', machine: 'virt', serial: 'ttyAMA0' },
}

/** `undefined` for architectures no machine can be made on. */
export function systemProgram(architecture: string): string | undefined {
  return systems[architecture]?.program
}

export interface VirtualMachine {
  readonly name: string
  readonly architecture: string
  readonly accelerator: Accelerator
  readonly cpus: number
  readonly memoryMb: number
  readonly macAddress: string
  /** Given for disks without a boot loader. */
  readonly boot?: { readonly kernel: string; readonly initrd: string }
  readonly network:
    | { readonly kind: 'user'; readonly sshPort: number; readonly enginePort: number }
    | { readonly kind: 'tap'; readonly interfaceName: string }
}

export function qemuWords(vm: VirtualMachine): ProgramWords {
  const system = systems[vm.architecture] ?? { program: 'qemu-system-x86_64', machine: 'q35', serial: 'ttyS0' }
  const { program, machine, serial } = system
  return [
    program,
    '-name',
    vm.name,
    '-machine',
    machine,
    '-accel',
    vm.accelerator === 'kvm' ? 'kvm' : 'tcg,thread=multi',
    '-cpu',
    vm.accelerator === 'kvm' ? 'host' : 'max',
    '-smp',
    String(vm.cpus),
    '-m',
    String(vm.memoryMb),
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
    '-serial',
    `file:${machineFiles.console}`,
    '-drive',
    `if=virtio,format=qcow2,file=${machineFiles.disk},discard=unmap`,
    '-drive',
    `if=virtio,format=raw,readonly=on,file=${machineFiles.seed}`,
    ...(vm.boot === undefined
      ? []
      : [
          '-kernel',
          vm.boot.kernel,
          '-initrd',
          vm.boot.initrd,
          '-append',
          `root=LABEL=root rw quiet systemd.show_status=true console=${serial} net.ifnames=0`,
        ]),
    '-netdev',
    networkDevice(vm.network),
    '-device',
    `virtio-net-pci,netdev=net0,mac=${vm.macAddress},romfile=`,
    '-device',
    'virtio-rng-pci',
    '-qmp',
    `unix:${machineFiles.monitor},server=on,wait=off`,
    '-pidfile',
    machineFiles.pid,
  ]
}

function networkDevice(network: VirtualMachine['network']): string {
  if (network.kind === 'tap') return `tap,id=net0,ifname=${network.interfaceName},script=no,downscript=no`
  const { sshPort, enginePort } = network
  // The engine listens at the same number inside: its address is then right on both sides.
  const forwards = [`tcp:127.0.0.1:${sshPort}-:22`, `tcp:127.0.0.1:${enginePort}-:${enginePort}`]
  return ['user,id=net0', ...forwards.map((forward) => `hostfwd=${forward}`)].join(',')
}

/** A hardware address of the locally administered kind, the same for the same digest. @param digest hexadecimal digits */
export function toMacAddress(digest: string): string {
  return ['52:54:00', ...[0, 2, 4].map((at) => digest.slice(at, at + 2))].join(':')
}
