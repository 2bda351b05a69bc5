import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { renderHostScript, renderJoin, resizeMeminfo } from './host-script.ts'
import type { HostPlan } from './host-script.ts'

const plan: HostPlan = {
  name: 'node1',
  address: '10.213.0.2',
  engineRoot: '/',
  directory: '/var/lib/flotilla/local/10.213.0.0-24/hosts/10.213.0.2',
  resolvConf: '',
  layout: { version: 1, hierarchies: [{ controllers: 'cpu,cpuacct', mountPoint: '/sys/fs/cgroup/cpu,cpuacct' }] },
  hasSystemd: false,
}

function parse(script: string): void {
  execFileSync('sh', ['-n'], { input: script })
}

describe('host script', () => {
  it('is valid shell in every variant', () => {
    const layouts = [
      plan.layout,
      { version: 2, hierarchies: [{ controllers: '', mountPoint: '/sys/fs/cgroup' }] } as const,
    ]
    for (const layout of layouts) {
      for (const hasSystemd of [false, true]) {
        parse(
          renderHostScript({ ...plan, layout, hasSystemd, meminfo: "MemTotal: 1 kB\nit's\n", directory: "/a b/it's" }),
        )
      }
    }
  })

  it('makes a real root before anything of the machine is let go of', () => {
    const script = renderHostScript(plan)
    const order = [
      'mount -t overlay',
      'mount --bind "$S/docker"',
      'pivot_root',
      'umount -l /.machine',
      'echo ready >&3',
      'exec "$reaper"',
    ]
    const places = order.map((text) => script.indexOf(text))
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(places.every((place) => place >= 0)).toBe(true)
  })

  it('keeps the identity of the engine in a directory of the host, never in memory', () => {
    expect(renderHostScript(plan)).toContain('mount --bind "$S/etc-docker" "$R/etc/docker"')
  })

  it('links the single controllers of a joined hierarchy', () => {
    const script = renderHostScript(plan)
    expect(script).toContain('mount -t cgroup -o nosuid,nodev,noexec,cpu,cpuacct cgroup "$R/sys/fs/cgroup/cpu,cpuacct"')
    expect(script).toContain('ln -s cpu,cpuacct "$R/sys/fs/cgroup/cpuacct"')
  })

  it('escapes what overlay reads as a separator in the path of an engine root', () => {
    expect(renderHostScript({ ...plan, engineRoot: '/trees/a:b,c' })).toContain("'lowerdir=/trees/a\\:b\\,c'")
  })

  it('masks the units that would take the address away, with systemd only', () => {
    expect(renderHostScript({ ...plan, hasSystemd: true })).toContain('systemd-networkd.service')
    expect(renderHostScript(plan)).not.toContain('systemd')
  })
})

describe('joining groups', () => {
  it('enters every group before the program starts', () => {
    expect(renderJoin(['/cg/a', '/cg/b c'], ['nsenter', '-t', '1'])).toBe(
      "echo $$ > /cg/a/cgroup.procs && echo $$ > '/cg/b c/cgroup.procs' && exec nsenter -t 1",
    )
  })
})

describe('memory of another size', () => {
  it('sets the total and keeps proportions', () => {
    const text = 'MemTotal:       8000 kB\nMemFree:        4000 kB\nMemAvailable:   6000 kB\nBuffers:           1 kB\n'
    expect(resizeMeminfo(text, 2000 * 1024)).toBe(
      'MemTotal:       2000 kB\nMemFree:        1000 kB\nMemAvailable:   1500 kB\nBuffers:           1 kB\n',
    )
  })

  it('a text without a total is left usable', () => {
    expect(resizeMeminfo('MemFree: 4 kB\n', 1024)).toBe('MemFree: 4 kB\n')
  })
})
