import { readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { quoteShell } from '../../../core/shell-quote.ts'
import { startDetached } from '../../../io/detached.ts'
import { execChecked, execProgram } from '../../../io/exec.ts'
import { pathExists, readTextFile } from '../../../io/files.ts'
import { createGroup, groupDirectories, removeGroup } from './cgroup.ts'
import type { CgroupLayout } from './cgroup-layout.ts'
import { renderJoin } from './host-script.ts'
import { isAlive, readIdentity } from '../../../io/process-identity.ts'
import type { ProcessIdentity } from '../../../io/process-identity.ts'
import { systemEnv } from '../../../io/system-env.ts'
import { readRecord, writeRecord } from './state-file.ts'
import { toInterfaceName, toMac } from '../../subnet.ts'
import type { Subnet } from '../../subnet.ts'

/** Where the switch of a fleet keeps its record, and what it is made of. */
export interface SwitchPlace {
  readonly directory: string
  readonly subnet: Subnet
  readonly layout: CgroupLayout
  readonly groupName: string
  readonly clock: Clock
}

interface SwitchRecord {
  /** Holds the network namespace the bridge lives in. Absent while it is being made. */
  readonly holder?: ProcessIdentity
}

/** Name of the bridge inside the switch's own namespace. */
const bridgeName = 'switch0'

function recordPath(place: SwitchPlace): string {
  return join(place.directory, 'switch.json')
}

/**
 * Process number of the running switch, `undefined` when it is off.
 */
export async function readSwitchPid(place: SwitchPlace): Promise<number | undefined> {
  const record = await readRecord<SwitchRecord>(recordPath(place))
  if (record?.holder === undefined || !(await isAlive(record.holder))) return undefined
  return record.holder.pid
}

/**
 * Makes the switch unless it is on: a bridge in a network namespace of its own, where the firewall rules
 * of other engines on the machine cannot reach it, and a veth that carries the gateway address. The caller
 * holds the fleet's lock.
 *
 * @returns process number of its holder
 */
export async function ensureSwitch(place: SwitchPlace, o: CallOptions): Promise<number> {
  const running = await readSwitchPid(place)
  if (running !== undefined && (await pathExists(`/sys/class/net/${toInterfaceName(place.subnet.gateway)}`))) {
    return running
  }
  await checkForeign(place)
  await removeSwitch(place)
  await writeRecord(recordPath(place), {})
  await createGroup(place.layout, place.groupName)
  const launch = renderJoin(groupDirectories(place.layout, place.groupName), ['unshare', '-n', 'sleep', 'infinity'])
  const pid = await startDetached(['sh', '-c', launch], {
    ...o,
    clock: place.clock,
    logPath: join(place.directory, 'switch.log'),
  })
  await waitForOwnNetwork(pid, place.clock, o)
  const holder = await readIdentity(pid)
  await writeRecord(recordPath(place), holder === undefined ? {} : { holder })
  await execChecked(['sh', '-c', renderSwitchScript(place.subnet, place.directory, pid)], {
    ...o,
    clock: place.clock,
    env: systemEnv(),
  })
  return pid
}

/** Pure: the commands that build the bridge and plug the machine in. */
export function renderSwitchScript(subnet: Subnet, owner: string, pid: number): string {
  const gateway = toInterfaceName(subnet.gateway)
  const inside = [
    `ip link add ${bridgeName} type bridge forward_delay 0 stp_state 0`,
    'ip link set lo up',
    `ip link set gateway0 master ${bridgeName}`,
    'ip link set gateway0 up',
    `ip link set ${bridgeName} up`,
  ]
  return [
    'set -e',
    `ip link add ${gateway} type veth peer name gateway0 netns ${pid}`,
    `ip link set ${gateway} alias ${quoteShell(toAlias(owner))}`,
    `nsenter -t ${pid} -n sh -ec ${quoteShell(inside.join('\n'))}`,
    `ip addr add ${subnet.gateway}/${subnet.prefixLength} brd + dev ${gateway}`,
    `ip link set ${gateway} up`,
  ].join('\n')
}

/** The program has been started, but it has its own network only once `unshare` has become `sleep`. */
async function waitForOwnNetwork(pid: number, clock: Clock, o: CallOptions): Promise<void> {
  const own = await readlink('/proc/self/ns/net')
  for (;;) {
    const other = await readlink(`/proc/${pid}/ns/net`).catch((error: unknown) => {
      throw new FlotillaError('machine/driver', 'cannot make a network namespace for the switch', {
        cause: error,
        hint: 'this needs root and the capability CAP_SYS_ADMIN',
      })
    })
    if (other !== own) return
    await clock.sleep(5, o.signal)
  }
}

/** The kernel keeps 255 bytes of it. */
function toAlias(directory: string): string {
  return Buffer.from(directory).subarray(-255).toString('latin1')
}

/**
 * The network may be there already, made by a fleet that keeps its records elsewhere. The interface says by whom.
 *
 * @throws {machine/driver} naming the other directory
 */
async function checkForeign(place: SwitchPlace): Promise<void> {
  const owner = await findForeignOwner(place)
  if (owner === undefined) return
  throw new FlotillaError('machine/driver', `network ${place.subnet.cidr} is used by the hosts in ${owner}`, {
    hint: 'choose another subnet',
  })
}

async function findForeignOwner(place: SwitchPlace): Promise<string | undefined> {
  const name = toInterfaceName(place.subnet.gateway)
  const alias = (await readTextFile(`/sys/class/net/${name}/ifalias`))?.trim()
  return alias === undefined || alias === '' || alias === toAlias(place.directory) ? undefined : alias
}

/** Takes the switch away. Idempotent; also after a crash in the middle of making it. */
export async function removeSwitch(place: SwitchPlace): Promise<void> {
  if ((await findForeignOwner(place)) === undefined) {
    // Deleting one end deletes both.
    await execProgram(['ip', 'link', 'delete', toInterfaceName(place.subnet.gateway)], {
      clock: place.clock,
      env: systemEnv(),
    })
  }
  await removeGroup(place.layout, place.groupName, place.clock)
  await rm(recordPath(place), { force: true })
  await rm(join(place.directory, 'switch.log'), { force: true })
}

/** A host that is to be plugged in. */
export interface PlugRequest {
  readonly address: string
  readonly subnet: Subnet
  readonly hasRoute: boolean
  readonly switchPid: number
  /** A process in the host's network namespace. */
  readonly pid: number
}

/** Pure: the commands, run in the switch's network, that give a host its cable, address and route. */
export function renderPlugScript(plug: PlugRequest): string {
  const outer = toInterfaceName(plug.address)
  const inside = [
    'ip link set lo up',
    `ip addr add ${plug.address}/${plug.subnet.prefixLength} brd + dev eth0`,
    'ip link set eth0 up',
    ...(plug.hasRoute ? [`ip route add default via ${plug.subnet.gateway}`] : []),
  ]
  return [
    'set -e',
    // The cable of the last run may still be on its way out.
    'n=0',
    `until ip link add ${outer} type veth peer name eth0 address ${toMac(plug.address)} netns ${plug.pid}; do`,
    `  ip link delete ${outer} 2> /dev/null || true`,
    '  n=$((n + 1)); [ "$n" -lt 20 ] || exit 1; sleep 0.1',
    'done',
    `ip link set ${outer} master ${bridgeName} up`,
    `nsenter -t ${plug.pid} -n sh -ec ${quoteShell(inside.join('\n'))}`,
  ].join('\n')
}

/** Plugs a host into the switch. */
export async function plugHost(plug: PlugRequest, clock: Clock, o: CallOptions): Promise<void> {
  await execChecked(['nsenter', '-t', String(plug.switchPid), '-n', 'sh', '-c', renderPlugScript(plug)], {
    ...o,
    clock,
    env: systemEnv(),
  })
}

/** Takes a host's cable away; nothing happens when there is none. */
export async function unplugHost(address: string, switchPid: number, clock: Clock): Promise<void> {
  await execProgram(['nsenter', '-t', String(switchPid), '-n', 'ip', 'link', 'delete', toInterfaceName(address)], {
    clock,
    env: systemEnv(),
  })
}

/** Runs an `ip` or `tc` command line in the switch's network, where the outer ends of all cables are. */
export async function execInSwitch(switchPid: number, line: string, clock: Clock): Promise<void> {
  await execChecked(['nsenter', '-t', String(switchPid), '-n', 'sh', '-ec', line], { clock, env: systemEnv() })
}
