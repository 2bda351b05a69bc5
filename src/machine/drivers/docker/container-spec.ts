import type { ContainerCreateBody, HostConfig } from '../../../engine/api/types.ts'
import { supervisorPaths } from '../../provision/unit-file.ts'

/** Pure: what the container of a machine is made of. */

/** Labels by which machines are found, also those whose record is gone. */
export const labels = {
  machine: 'io.flotilla.machine',
  path: 'io.flotilla.machine.path',
  address: 'io.flotilla.machine.address',
} as const

export interface ContainerWanted {
  readonly machineName: string
  readonly machinePath: string
  readonly image: string
  readonly network: string
  readonly address: string
  readonly cpus: number
  readonly memoryMb: number
  /** Empty: an anonymous volume. */
  readonly volume: string
  /** The port of the engine inside and, when published, of the outer engine's host. */
  readonly port: number
  /** Address of the outer engine's host to publish at; absent: not published. */
  readonly publishAt?: string
  /** False: every capability that is to be had, one by one. */
  readonly isPrivileged: boolean
}

/**
 * All that an engine of the 20.10 line knows but SYS_RESOURCE. It wants to give a privileged container more than it has
 * itself where its own bounding set lacks one, and fails.
 */
const capabilities: readonly string[] = [
  'AUDIT_CONTROL',
  'AUDIT_READ',
  'AUDIT_WRITE',
  'BLOCK_SUSPEND',
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'IPC_LOCK',
  'IPC_OWNER',
  'KILL',
  'LEASE',
  'LINUX_IMMUTABLE',
  'MAC_ADMIN',
  'MAC_OVERRIDE',
  'MKNOD',
  'NET_ADMIN',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYSLOG',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_CHROOT',
  'SYS_MODULE',
  'SYS_NICE',
  'SYS_PACCT',
  'SYS_PTRACE',
  'SYS_RAWIO',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'WAKE_ALARM',
]

/**
 * Process 1: makes the cgroups writable, waits until the engine's command line is there and becomes its supervisor. The
 * shell reaps what is re-parented to it.
 */
const entryScript = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH',
  "trap 'exit 0' TERM INT",
  // Without --privileged the engine mounts these read-only.
  'for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mount -o remount,bind,rw "$d" 2>/dev/null; done',
  // The second version of cgroups lets no group have both processes and controllers.
  'if [ -f /sys/fs/cgroup/cgroup.controllers ]; then',
  '  mkdir -p /sys/fs/cgroup/init',
  '  for p in $(cat /sys/fs/cgroup/cgroup.procs); do echo "$p" > /sys/fs/cgroup/init/cgroup.procs; done 2>/dev/null',
  '  for c in $(cat /sys/fs/cgroup/cgroup.controllers); do echo "+$c" > /sys/fs/cgroup/cgroup.subtree_control; done 2>/dev/null',
  'fi',
  `while [ ! -f ${supervisorPaths.script} ]; do sleep 1 & wait $!; done`,
  `exec sh ${supervisorPaths.script}`,
].join('\n')

export function containerName(machineName: string): string {
  return `flotilla-machine-${machineName}`
}

export function machineLabels(machineName: string, machinePath: string): Readonly<Record<string, string>> {
  return { [labels.machine]: machineName, [labels.path]: machinePath }
}

export function containerBody(wanted: ContainerWanted): ContainerCreateBody {
  const port = `${wanted.port}/tcp`
  return {
    Image: wanted.image,
    Hostname: wanted.machineName,
    // An image's own program may have other ideas, such as certificates of its own.
    Entrypoint: ['sh', '-c', entryScript],
    Cmd: [],
    Labels: { ...machineLabels(wanted.machineName, wanted.machinePath), [labels.address]: wanted.address },
    StopSignal: 'SIGTERM',
    ExposedPorts: { [port]: {} },
    ...(wanted.volume === '' ? { Volumes: { '/var/lib/docker': {} } } : {}),
    HostConfig: {
      ...(wanted.isPrivileged ? { Privileged: true } : almostPrivileged),
      NetworkMode: wanted.network,
      RestartPolicy: { Name: 'unless-stopped' },
      Tmpfs: { '/run': 'exec', '/tmp': 'exec' },
      ...(wanted.cpus === 0 ? {} : { NanoCpus: Math.round(wanted.cpus * 1e9) }),
      ...(wanted.memoryMb === 0 ? {} : { Memory: wanted.memoryMb * 1024 * 1024 }),
      ...(wanted.volume === ''
        ? {}
        : { Mounts: [{ Type: 'volume', Source: wanted.volume, Target: '/var/lib/docker' } as const] }),
      ...(wanted.publishAt === undefined
        ? {}
        : { PortBindings: { [port]: [{ HostIp: wanted.publishAt, HostPort: String(wanted.port) }] } }),
    },
    NetworkingConfig: {
      EndpointsConfig: {
        [wanted.network]: { IPAMConfig: { IPv4Address: wanted.address }, Aliases: [wanted.machineName] },
      },
    },
  }
}

const almostPrivileged: HostConfig = {
  CapAdd: capabilities,
  SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined', 'systempaths=unconfined'],
  MaskedPaths: [],
  ReadonlyPaths: [],
  DeviceCgroupRules: ['a *:* rwm'],
}
