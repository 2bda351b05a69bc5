import type { Buffer } from 'node:buffer'
import { seedLabel } from './guest-files.ts'
import { makeIso } from './iso9660.ts'

/** Pure: what a machine is told at its boot, in the form of cloud-init's NoCloud and in our own small one. */

export interface SeedWanted {
  readonly name: string
  /** Differs between machines of one name, so that cloud-init sets each up anew. */
  readonly instanceId: string
  readonly user: string
  /** A line of `authorized_keys`. */
  readonly publicKey: string
  /** Absent: DHCP. */
  readonly fixed?: FixedAddress
  readonly macAddress: string
}

export interface FixedAddress {
  /** Address and prefix length, `192.0.2.5/24`. */
  readonly cidr: string
  readonly gateway?: string
  readonly nameservers: readonly string[]
}

export function makeSeed(wanted: SeedWanted): Buffer {
  return makeIso(seedLabel, {
    'meta-data': `${JSON.stringify({ 'instance-id': wanted.instanceId, 'local-hostname': wanted.name })}\n`,
    'user-data': `#cloud-config\n${JSON.stringify(userData(wanted))}\n`,
    ...(wanted.fixed !== undefined && {
      'network-config': `${JSON.stringify(networkConfig(wanted.macAddress, wanted.fixed))}\n`,
      network: networkUnit(wanted.macAddress, wanted.fixed),
    }),
    hostname: `${wanted.name}\n`,
    authorized_keys: `${wanted.publicKey.trim()}\n`,
  })
}

/** JSON is YAML too. */
function userData({ user, publicKey }: SeedWanted): object {
  const key = publicKey.trim()
  if (user === 'root') return { disable_root: false, ssh_authorized_keys: [key], ssh_pwauth: false }
  const account = { name: user, sudo: 'ALL=(ALL) NOPASSWD:ALL', shell: '/bin/bash', ssh_authorized_keys: [key] }
  return { users: [account], ssh_pwauth: false }
}

function networkConfig(macAddress: string, { cidr, gateway, nameservers }: FixedAddress): object {
  return {
    version: 2,
    ethernets: {
      machine: {
        match: { macaddress: macAddress },
        addresses: [cidr],
        ...(gateway === undefined ? {} : { routes: [{ to: '0.0.0.0/0', via: gateway }] }),
        nameservers: { addresses: nameservers },
      },
    },
  }
}

function networkUnit(macAddress: string, { cidr, gateway, nameservers }: FixedAddress): string {
  return [
    '[Match]',
    `MACAddress=${macAddress}`,
    '',
    '[Network]',
    `Address=${cidr}`,
    ...(gateway === undefined ? [] : [`Gateway=${gateway}`]),
    ...nameservers.map((server) => `DNS=${server}`),
    '',
  ].join('\n')
}
