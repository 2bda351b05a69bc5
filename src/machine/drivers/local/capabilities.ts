import { promises as fs } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { dirname } from 'node:path'
import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { execProgram } from '../../../io/exec.ts'
import { codeOf, readTextFile } from '../../../io/files.ts'
import { systemEnv } from '../../../io/system-env.ts'
import { overlaps, toInterfaceName } from '../../subnet.ts'
import type { Subnet } from '../../subnet.ts'

/** Something hosts need that this machine does not have. */
export interface Lack {
  readonly what: string
  /** What to do about it, as an order. */
  readonly remedy: string
}

/** What is asked about before a host is made. */
export interface HostNeeds {
  readonly subnet: Subnet
  /** Where hosts will be kept; it need not exist. */
  readonly directory: string
  /** The environment variable that puts them elsewhere, for the remedy. */
  readonly directoryVariable: string
  /** CPUs that the host is to use, as a list such as 0-1,3; empty: all. */
  readonly cpus: string
  /** The machine's own dockerd is to be used. */
  readonly usesMachineEngine: boolean
  readonly clock: Clock
}

/** Program → Debian package. */
const programs: Readonly<Record<string, string>> = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  mount: 'mount',
  ip: 'iproute2',
  iptables: 'iptables',
}

const overlayMagic = 0x794c7630

/** Everything that is missing for hosts here, in the order in which it should be put right; empty when nothing is. */
async function findLacks(needs: HostNeeds, o: CallOptions = {}): Promise<readonly Lack[]> {
  if (process.platform !== 'linux') {
    return [{ what: 'a Linux kernel', remedy: `run this in a Linux virtual machine, this is ${process.platform}` }]
  }
  if (process.getuid?.() !== 0) return [{ what: 'the rights of root', remedy: 'run the command as root' }]
  const lacks = await findMissingPrograms(needs, o)
  if (lacks.length > 0) return lacks
  const found = [
    await findKernelLack(needs, o),
    await findOverlayLack(),
    await findDiskLack(needs),
    findSubnetLack(needs),
    findCpuLack(needs.cpus, (await readTextFile('/sys/devices/system/cpu/online')) ?? needs.cpus),
  ]
  return found.filter((lack) => lack !== undefined)
}

/**
 * @throws {machine/precheck} naming all that is missing and what to do
 */
export async function requireHostNeeds(needs: HostNeeds, o: CallOptions): Promise<void> {
  const lacks = await findLacks(needs, o)
  if (lacks.length === 0) return
  const what = lacks.map((lack) => lack.what).join(', ')
  throw new FlotillaError('machine/precheck', `hosts in namespaces cannot be made here: missing ${what}`, {
    hint: lacks.map((lack) => lack.remedy).join('; '),
  })
}

async function findMissingPrograms(needs: HostNeeds, o: CallOptions): Promise<Lack[]> {
  const wanted = Object.entries({ ...programs, ...(needs.usesMachineEngine ? { dockerd: 'docker.io' } : {}) })
  const script = 'for p; do command -v "$p" > /dev/null || echo "$p"; done'
  const names = wanted.map(([name]) => name)
  const result = await execProgram(['sh', '-c', script, 'sh', ...names], { ...o, clock: needs.clock, env: systemEnv() })
  const missing = new Set(result.stdout.split('\n'))
  return wanted
    .filter(([name]) => missing.has(name))
    .map(([name, debian]) => ({ what: `the program ${name}`, remedy: `install it (Debian package ${debian})` }))
}

/** Tries the real thing in namespaces that vanish with the program. */
async function findKernelLack(needs: HostNeeds, o: CallOptions): Promise<Lack | undefined> {
  const script =
    'ip link add probe0 type bridge && ip link add probe1 type veth peer name probe2 && mount -t tmpfs tmpfs /tmp'
  const words = [
    'unshare',
    '-m',
    '-u',
    '-i',
    '-n',
    '-p',
    '-C',
    '-f',
    '--propagation',
    'private',
    'sh',
    '-c',
    script,
  ] as const
  const result = await execProgram(words, { ...o, clock: needs.clock, env: systemEnv() })
  if (result.code === 0) return undefined
  const said = result.stderr.trim().split('\n').at(-1) ?? ''
  const remedy = 'use a machine, or a privileged container, whose kernel has namespaces, bridges and veth pairs'
  return { what: `namespaces with a bridge and a veth pair (${said})`, remedy }
}

async function findOverlayLack(): Promise<Lack | undefined> {
  const known = (await readTextFile('/proc/filesystems')) ?? ''
  if (/\boverlay$/m.test(known)) return undefined
  return { what: 'the file system "overlay"', remedy: 'load it with `modprobe overlay`' }
}

/** An overlay cannot be the upper layer of another one. */
async function findDiskLack(needs: HostNeeds): Promise<Lack | undefined> {
  let path = needs.directory
  for (;;) {
    try {
      const { type } = await fs.statfs(path)
      if (type !== overlayMagic) return undefined
      const remedy = `set ${needs.directoryVariable} to a directory on a disk, for instance a volume of this container`
      return { what: `a real file system at ${needs.directory}, which lies on an overlay`, remedy }
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || path === dirname(path)) throw error
      path = dirname(path)
    }
  }
}

function findSubnetLack(needs: HostNeeds): Lack | undefined {
  const [own, ownCidr] = [toInterfaceName(needs.subnet.gateway), `${needs.subnet.gateway}/${needs.subnet.prefixLength}`]
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    for (const entry of entries ?? []) {
      if (entry.family !== 'IPv4' || entry.cidr === null || !overlaps(needs.subnet, entry.cidr)) continue
      // Hosts are there already.
      if (name === own && entry.cidr === ownCidr) continue
      const what = `a free subnet: ${needs.subnet.cidr} overlaps with ${entry.cidr} of the interface ${name}`
      return { what, remedy: 'choose another one with --local-subnet' }
    }
  }
  return undefined
}

/** Pure: whether all CPUs of a list are in another one; both as the kernel writes them, `0-1,3`. */
export function findCpuLack(wanted: string, present: string): Lack | undefined {
  const there = readCpus(present)
  const lacking = readCpus(wanted).find(([from, to]) => !there.some(([first, last]) => first <= from && to <= last))
  if (lacking === undefined) return undefined
  return { what: `some of the CPUs ${wanted}`, remedy: `choose among ${present.trim()} with --local-cpus` }
}

/** The ranges of a list, first and last. */
function readCpus(list: string): readonly (readonly [number, number])[] {
  const parts = list
    .trim()
    .split(',')
    .filter((part) => part !== '')
  return parts.map((part) => {
    const [from = '', to = from] = part.split('-')
    return [Number(from), Number(to)]
  })
}
