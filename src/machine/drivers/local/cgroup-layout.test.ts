import { describe, expect, it } from 'vitest'
import { parseCgroupLayout, unescapeMount } from './cgroup-layout.ts'

function mounts(...lines: readonly (readonly [path: string, kind: string, options: string])[]): string {
  return lines
    .map(
      ([path, kind, options], index) =>
        `${index + 30} 24 0:${index + 20} / ${path} rw,relatime shared:9 - ${kind} ${kind} ${options}`,
    )
    .join('\n')
}

describe('cgroup layout', () => {
  it('version 1: one hierarchy per line of the membership, joined controllers found in any order', () => {
    const mountinfo = mounts(
      ['/', 'ext4', 'rw'],
      ['/sys/fs/cgroup/systemd', 'cgroup', 'rw,name=systemd'],
      ['/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpuacct,cpu'],
      ['/sys/fs/cgroup/freezer', 'cgroup', 'rw,freezer'],
      ['/sys/fs/cgroup/unified', 'cgroup2', 'rw'],
    )
    const membership = '3:cpu,cpuacct:/\n2:freezer:/a\n1:name=systemd:/init.scope\n0::/init.scope\n'
    expect(parseCgroupLayout(mountinfo, membership)).toEqual({
      version: 1,
      hierarchies: [
        { controllers: 'cpu,cpuacct', mountPoint: '/sys/fs/cgroup/cpu,cpuacct' },
        { controllers: 'freezer', mountPoint: '/sys/fs/cgroup/freezer' },
        { controllers: 'name=systemd', mountPoint: '/sys/fs/cgroup/systemd' },
      ],
    })
  })

  it('version 2: the one unified hierarchy', () => {
    const mountinfo = mounts(['/', 'ext4', 'rw'], ['/sys/fs/cgroup', 'cgroup2', 'rw,nsdelegate'])
    expect(parseCgroupLayout(mountinfo, '0::/user.slice\n')).toEqual({
      version: 2,
      hierarchies: [{ controllers: '', mountPoint: '/sys/fs/cgroup' }],
    })
  })

  it('a named hierarchy alone beside the unified one does not make it version 1', () => {
    const mountinfo = mounts(
      ['/sys/fs/cgroup/systemd', 'cgroup', 'rw,name=systemd'],
      ['/sys/fs/cgroup', 'cgroup2', 'rw'],
    )
    expect(parseCgroupLayout(mountinfo, '1:name=systemd:/\n0::/\n').version).toBe(2)
  })

  it('a controller that is known but mounted nowhere is left out', () => {
    const layout = parseCgroupLayout(mounts(['/sys/fs/cgroup/pids', 'cgroup', 'rw,pids']), '2:pids:/\n1:memory:/\n')
    expect(layout.hierarchies.map((entry) => entry.controllers)).toEqual(['pids'])
  })

  it('nothing mounted is an empty layout', () => {
    expect(parseCgroupLayout('', '')).toEqual({ version: 2, hierarchies: [] })
  })

  it('blanks in mount points are read back', () => {
    expect(unescapeMount('/a\\040b\\134c')).toBe('/a b\\c')
  })
})
