/** One mounted cgroup hierarchy. */
export interface CgroupHierarchy {
  /** Comma-joined, as the kernel lists them: `cpu,cpuacct`, `name=systemd`; empty for the unified one. */
  readonly controllers: string
  readonly mountPoint: string
}

/** Which cgroups the machine has: the separate hierarchies of version 1, or the one of version 2. */
export interface CgroupLayout {
  readonly version: 1 | 2
  readonly hierarchies: readonly CgroupHierarchy[]
}

/**
 * Reads the layout from the texts of `/proc/self/mountinfo` and `/proc/self/cgroup`.
 *
 * A unified hierarchy beside those of version 1 is left out: no controller lives there, and engines
 * decide by what is mounted at the top.
 */
export function parseCgroupLayout(mountinfo: string, membership: string): CgroupLayout {
  const mounts = mountinfo.split('\n').flatMap(parseMount)
  const named = membership
    .split('\n')
    .map((line) => line.split(':')[1] ?? '')
    .filter((controllers) => controllers !== '')
  const hierarchies = named.flatMap((controllers): CgroupHierarchy[] => {
    const wanted = controllers.split(',')
    const mount = mounts.find(
      (entry) => entry.kind === 'cgroup' && wanted.every((name) => entry.options.includes(name)),
    )
    return mount === undefined ? [] : [{ controllers, mountPoint: mount.mountPoint }]
  })
  if (hierarchies.some((entry) => !entry.controllers.startsWith('name='))) return { version: 1, hierarchies }
  const unified = mounts.find((entry) => entry.kind === 'cgroup2')
  return {
    version: 2,
    hierarchies: unified === undefined ? [] : [{ controllers: '', mountPoint: unified.mountPoint }],
  }
}

interface Mount {
  readonly kind: string
  readonly mountPoint: string
  readonly options: readonly string[]
}

function parseMount(line: string): Mount[] {
  const [before, after] = line.split(' - ')
  const mountPoint = before?.split(' ')[4]
  const [kind, , options] = after?.split(' ') ?? []
  if (mountPoint === undefined || kind === undefined || options === undefined) return []
  if (kind !== 'cgroup' && kind !== 'cgroup2') return []
  return [{ kind, mountPoint: unescapeMount(mountPoint), options: options.split(',') }]
}

/** mountinfo writes blanks and backslashes as three octal digits. */
export function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
