import { isIPv4 } from 'node:net'
import { resolve } from 'node:path'
import { FlotillaError } from '../../../core/errors.ts'
import { baseConfig } from '../../driver.ts'
import type { DriverConfig, DriverContext, DriverOptions } from '../../driver.ts'

/** A Debian with an engine does not start with less. */
const leastMemoryMb = 256
const leastDiskMb = 2000

/** Turns flags into a state. */
export function configureQemu(ctx: DriverContext, options: DriverOptions): DriverConfig {
  const [image, kernel, initrd] = ['qemu-image', 'qemu-kernel', 'qemu-initrd'].map((flag) => pathOf(options, flag))
  if (kernel !== '' && image === '') throw refusal('--qemu-kernel needs an image: give --qemu-image too')
  if ((kernel === '') !== (initrd === '')) throw refusal('give --qemu-kernel and --qemu-initrd together')
  const accelerator = textOf(options, 'qemu-accel')
  if (!['auto', 'kvm', 'tcg'].includes(accelerator)) {
    throw refusal(`--qemu-accel ${JSON.stringify(accelerator)} is none of auto, kvm, tcg`)
  }
  const user = textOf(options, 'qemu-ssh-user')
  if (!/^[a-z_][a-z0-9_-]*$/.test(user)) throw refusal(`--qemu-ssh-user ${JSON.stringify(user)} is no user name`)
  return {
    ...baseConfig(ctx),
    SSHUser: user,
    Image: image ?? '',
    Kernel: kernel ?? '',
    Initrd: initrd ?? '',
    Cpus: numberOf(options, 'qemu-cpus', 1, ''),
    MemoryMB: numberOf(options, 'qemu-memory', leastMemoryMb, ' MB'),
    DiskMB: numberOf(options, 'qemu-disk', leastDiskMb, ' MB'),
    Accelerator: accelerator,
    ...readNetwork(options),
    EnginePort: 2376,
  }
}

function readNetwork(options: DriverOptions): DriverConfig {
  const [bridge, cidr, gateway] = ['qemu-bridge', 'qemu-address', 'qemu-gateway'].map((flag) => textOf(options, flag))
  if (bridge === '') {
    const extra = cidr !== '' ? '--qemu-address' : gateway !== '' ? '--qemu-gateway' : undefined
    if (extra !== undefined) throw refusal(`${extra} needs --qemu-bridge`)
    return { Bridge: '', AddressCIDR: '', Gateway: '' }
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/.test(bridge ?? '')) {
    throw refusal(`--qemu-bridge ${JSON.stringify(bridge)} is no name of a bridge`)
  }
  const [address = '', length = ''] = (cidr ?? '').split('/')
  if (!isIPv4(address) || !/^(?:[89]|[12]\d|30)$/.test(length)) {
    throw refusal(`--qemu-address ${JSON.stringify(cidr)} is no address with a prefix length such as 192.0.2.5/24`)
  }
  if (gateway !== '' && !isIPv4(gateway ?? '')) {
    throw refusal(`--qemu-gateway ${JSON.stringify(gateway)} is no IPv4 address`)
  }
  return { Bridge: bridge ?? '', AddressCIDR: cidr ?? '', Gateway: gateway ?? '' }
}

function numberOf(options: DriverOptions, flag: string, least: number, unit: string): number {
  const value = options[flag]
  if (typeof value === 'number' && Number.isInteger(value) && value >= least) return value
  throw refusal(`--${flag} ${String(value)} is too little: give ${least}${unit} or more`)
}

function pathOf(options: DriverOptions, flag: string): string {
  const path = textOf(options, flag)
  return path === '' ? '' : resolve(path)
}

function textOf(options: DriverOptions, flag: string): string {
  const value = options[flag]
  return typeof value === 'string' ? value : ''
}

function refusal(text: string): FlotillaError {
  return new FlotillaError('machine/driver', text)
}
