import { quoteShell, quoteShellWords } from '../../../core/shell-quote.ts'
import type { CgroupLayout } from './cgroup-layout.ts'

/**
 * Texts of the shell scripts that make a host, entirely by standard tools (sh, mount, ip, nsenter).
 * Pure, so that what runs as root can be read and tested as text.
 */

/** What the inside of a host looks like. All directories lie on the machine. */
export interface HostPlan {
  readonly name: string
  readonly address: string
  /** Lower layer of the root file system: `/` (the machine itself) or an unpacked tree. */
  readonly engineRoot: string
  readonly directory: string
  /** Text of /etc/resolv.conf. */
  readonly resolvConf: string
  /** Text shown as /proc/meminfo; absent: the machine's own. */
  readonly meminfo?: string
  readonly layout: CgroupLayout
  /** Boot systemd instead of a bare reaper. */
  readonly hasSystemd: boolean
}

/** Directories under the host's own directory that must exist before the set-up script runs. */
export const hostFolders: readonly string[] = ['upper', 'work', 'root', 'docker', 'etc-docker']

const shellPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The environment every process inside a host starts from. */
export const hostEnvironment: readonly string[] = [`PATH=${shellPath}`, 'HOME=/root', 'LANG=C.UTF-8']

/**
 * Runs as the first process of the new namespaces, prints `ready` to descriptor 3 and becomes the host's
 * process 1.
 */
export function renderHostScript(plan: HostPlan): string {
  return [
    'set -eu',
    `S=${quoteShell(plan.directory)}`,
    'R=$S/root',
    ...renderRoot(plan),
    ...renderDevices(),
    ...renderCgroups(plan.layout),
    ...renderIdentity(plan),
    ...renderPivot(plan),
    '',
  ].join('\n')
}

function renderRoot(plan: HostPlan): string[] {
  const lower = plan.engineRoot.replaceAll(/[\\,:]/g, '\\$&')
  return [
    // The kernel may still be taking down the mount of the host's last run.
    'tries=0',
    `until mount -t overlay overlay -o ${quoteShell(`lowerdir=${lower}`)},upperdir="$S/upper",workdir="$S/work" "$R"; do`,
    '  tries=$((tries + 1)); [ "$tries" -lt 50 ] || exit 1; sleep 0.1',
    'done',
    'mkdir -p "$R/proc" "$R/sys" "$R/dev" "$R/run" "$R/tmp" "$R/var/lib/docker" "$R/var/lib/containerd" "$R/etc/docker"',
    'mount -t proc -o nosuid,nodev,noexec proc "$R/proc"',
    'mount -t sysfs -o nosuid,nodev,noexec sysfs "$R/sys"',
    'mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs "$R/run"',
    'mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$R/tmp"',
    'mount -t tmpfs -o mode=711 tmpfs "$R/var/lib/containerd"',
    // overlay2 cannot keep its upper layers on an overlay.
    'mount --bind "$S/docker" "$R/var/lib/docker"',
    // Holds the engine's key, which is its identity: two engines with one key report one ID.
    'mount --bind "$S/etc-docker" "$R/etc/docker"',
    'mkdir -p "$R/run/lock"',
  ]
}

function renderDevices(): string[] {
  return [
    'mount -t tmpfs -o nosuid,mode=755 tmpfs "$R/dev"',
    'for node in null zero full random urandom tty kmsg fuse kvm; do',
    '  if [ -c "/dev/$node" ]; then cp -a "/dev/$node" "$R/dev/$node"; fi',
    'done',
    'if [ -c /dev/net/tun ]; then mkdir -p "$R/dev/net"; cp -a /dev/net/tun "$R/dev/net/tun"; fi',
    'mkdir -p "$R/dev/pts" "$R/dev/shm"',
    'mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$R/dev/pts"',
    'mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$R/dev/shm"',
    'ln -s pts/ptmx "$R/dev/ptmx"',
    'ln -s /proc/self/fd "$R/dev/fd"',
    'ln -s /proc/self/fd/0 "$R/dev/stdin"',
    'ln -s /proc/self/fd/1 "$R/dev/stdout"',
    'ln -s /proc/self/fd/2 "$R/dev/stderr"',
  ]
}

/** Mounted anew inside the cgroup namespace, so that the host sees itself as the top. */
function renderCgroups(layout: CgroupLayout): string[] {
  if (layout.version === 2) {
    return [
      'mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$R/sys/fs/cgroup"',
      'mkdir -p "$R/sys/fs/cgroup/init"',
      // A group that holds processes cannot hand controllers on; `settleGroup` does the rest from outside.
      'echo 0 > "$R/sys/fs/cgroup/init/cgroup.procs"',
    ]
  }
  return [
    'mount -t tmpfs -o nosuid,nodev,noexec,mode=755 tmpfs "$R/sys/fs/cgroup"',
    ...layout.hierarchies.flatMap(({ controllers }) => {
      const isNamed = controllers.startsWith('name=')
      const folder = isNamed ? controllers.slice('name='.length) : controllers
      const target = `"$R/sys/fs/cgroup/${folder}"`
      const options = isNamed ? `none,${controllers}` : controllers
      const links = folder.includes(',') ? folder.split(',') : []
      return [
        `mkdir ${target}`,
        `mount -t cgroup -o nosuid,nodev,noexec,${options} cgroup ${target}`,
        ...links.map((link) => `ln -s ${folder} "$R/sys/fs/cgroup/${link}"`),
      ]
    }),
  ]
}

function renderIdentity(plan: HostPlan): string[] {
  const hosts = `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n${plan.address}\t${plan.name}\n`
  const lines = [
    // The kernel holds 64 bytes, DNS labels 63.
    `hostname ${quoteShell(plan.name.slice(0, 63))}`,
    // Any of these may be a link into /run in the lower layer.
    'rm -f "$R/etc/hostname" "$R/etc/hosts" "$R/etc/resolv.conf"',
    `printf %s ${quoteShell(`${plan.name}\n`)} > "$R/etc/hostname"`,
    `printf %s ${quoteShell(hosts)} > "$R/etc/hosts"`,
    `printf %s ${quoteShell(plan.resolvConf)} > "$R/etc/resolv.conf"`,
  ]
  if (plan.meminfo === undefined) return lines
  return [
    ...lines,
    `printf %s ${quoteShell(plan.meminfo)} > "$S/meminfo"`,
    'mount --bind "$S/meminfo" "$R/proc/meminfo"',
  ]
}

/** Units that look for hardware, set up the kernel that all hosts share, or would flush the address that the switch gave. */
const maskedUnits: readonly string[] = [
  'systemd-networkd.service',
  'systemd-networkd.socket',
  'systemd-networkd-wait-online.service',
  'systemd-resolved.service',
  'systemd-udevd.service',
  'systemd-timesyncd.service',
  'systemd-sysctl.service',
  'systemd-modules-load.service',
  'getty.target',
]

function renderPivot(plan: HostPlan): string[] {
  const init = plan.hasSystemd
    ? [
        ': > "$R/etc/fstab"',
        'mkdir -p "$R/etc/systemd/system"',
        ...maskedUnits.map((unit) => `ln -sfn /dev/null "$R/etc/systemd/system/${unit}"`),
        'rm -f "$R"/etc/systemd/network/*.network',
      ]
    : []
  return [
    ...init,
    'mkdir -p "$R/.machine"',
    'cd "$R"',
    'pivot_root . .machine',
    'cd /',
    'umount -l /.machine',
    'rmdir /.machine',
    'echo ready >&3',
    'exec 3>&-',
    ...renderInit(plan.hasSystemd),
  ]
}

/** Process 1 must reap: shims and the engine are given to it. */
function renderInit(hasSystemd: boolean): string[] {
  const environment = hostEnvironment.join(' ')
  if (hasSystemd) return [`exec env -i container=flotilla ${environment} /sbin/init`]
  return [
    `export ${environment}`,
    'for reaper in tini docker-init; do',
    '  if command -v "$reaper" > /dev/null; then exec "$reaper" -- sleep infinity; fi',
    'done',
    "exec sh -c 'while :; do sleep 1000000 & wait $!; done'",
  ]
}

/**
 * Puts the calling shell into cgroups before it becomes `command`. Entering the cgroup namespace alone
 * would leave the process accounted to whoever called, out of reach of the freezer.
 */
export function renderJoin(groups: readonly string[], command: readonly string[]): string {
  return [
    ...groups.map((group) => `echo $$ > ${quoteShell(`${group}/cgroup.procs`)}`),
    `exec ${quoteShellWords(command)}`,
  ].join(' && ')
}

/** The words that enter all namespaces of a host. */
export function enterWords(pid: number): readonly string[] {
  return ['nsenter', '-t', String(pid), '-m', '-u', '-i', '-n', '-p', '-C', '--']
}

/** The words that make all namespaces of a host around a script. Killing its parent kills the host. */
export function unshareWords(scriptPath: string): readonly string[] {
  return [
    'unshare',
    '-m',
    '-u',
    '-i',
    '-n',
    '-p',
    '-C',
    '-f',
    '--kill-child',
    '--propagation',
    'private',
    'sh',
    scriptPath,
  ]
}

/** A meminfo text for a host of another size: total as wanted, free and available in proportion. */
export function resizeMeminfo(meminfo: string, memoryBytes: number): string {
  const totalKilobytes = Number(/^MemTotal:\s+(\d+)/m.exec(meminfo)?.[1] ?? 0)
  const wanted = Math.floor(memoryBytes / 1024)
  const ratio = totalKilobytes === 0 ? 1 : wanted / totalKilobytes
  return meminfo.replaceAll(
    /^(MemTotal|MemFree|MemAvailable):(\s+)(\d+) kB$/gm,
    (_, name: string, gap: string, value: string) => {
      const amount = name === 'MemTotal' ? wanted : Math.floor(Number(value) * ratio)
      return `${name}:${gap}${amount} kB`
    },
  )
}
