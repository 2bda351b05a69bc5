import { describe, expect, it } from 'vitest'
import { dependsOn, dictionary, project, service } from '../../testing/compose-builders.ts'
import { renderEventJson, renderEventText, toContainerEvent } from './event-line.ts'
import { toImageCells, toImageRow } from './image-row.ts'
import { toStatsRow } from './stats-row.ts'
import { mergeTop } from './top.ts'
import { renderViz } from './viz.ts'
import { toVolumeRow } from './volume-row.ts'

describe('top', () => {
  const web = { service: 'web', number: 1, isOneOff: false, name: 'p-web-1' }

  it('puts the columns of all containers side by side, the command last', () => {
    const lists = [
      {
        container: web,
        titles: ['PID', 'CMD'],
        processes: [
          ['1', 'sh'],
          ['7', 'cat'],
        ],
      },
      {
        container: { ...web, service: 'db', number: 2 },
        titles: ['UID', 'PID', 'CMD'],
        processes: [['root', '9', 'ls']],
      },
    ]
    expect(mergeTop(lists)).toEqual({
      headings: ['SERVICE', '#', 'PID', 'UID', 'CMD'],
      rows: [
        ['web', '1', '1', '-', 'sh'],
        ['web', '1', '7', '-', 'cat'],
        ['db', '2', '9', 'root', 'ls'],
      ],
    })
  })

  it('a one-off container has no number', () => {
    const lists = [{ container: { ...web, isOneOff: true, number: 0 }, titles: ['CMD'], processes: [['sh']] }]
    expect(mergeTop(lists).rows).toEqual([['web', '-', 'sh']])
  })

  it('one whose labels tell no service has its own name and no number', () => {
    const container = { service: '', number: 0, isOneOff: false, name: 'by-hand' }
    expect(mergeTop([{ container, titles: ['CMD'], processes: [['sh']] }]).rows).toEqual([['by-hand', '-', 'sh']])
  })
})

describe('events', () => {
  const raw = {
    action: 'exec_create: a<b ',
    id: 'abc',
    attributes: { 'com.docker.compose.service': 'web', 'com.docker.compose.project': 'p', name: 'p-web-1', image: 'i' },
    timeNs: 1_700_000_000_000_000_120n,
  }

  it('are those of the chosen services, without the labels of Compose', () => {
    expect(toContainerEvent(raw, [])).toMatchObject({ service: 'web', attributes: { image: 'i', name: 'p-web-1' } })
    const marked = { ...raw, attributes: { ...raw.attributes, 'flotilla.compose.fields': 'image:x' } }
    expect(toContainerEvent(marked, [])?.attributes).toEqual({ image: 'i', name: 'p-web-1' })
    expect(toContainerEvent(raw, ['db'])).toBeUndefined()
    expect(toContainerEvent({ ...raw, attributes: { name: 'x' } }, [])).toBeUndefined()
    const oneOff = { ...raw.attributes, 'com.docker.compose.oneoff': 'True' }
    expect(toContainerEvent({ ...raw, attributes: oneOff }, [])).toBeUndefined()
  })

  it('are exact to the nanosecond in JSON, with what HTML would read escaped', () => {
    const event = toContainerEvent(raw, [])!
    const text = renderEventJson(event)
    expect(text).toContain('"action":"exec_create: a\\u003cb "')
    const { time } = JSON.parse(text) as { time: string }
    expect(time).toMatch(/\.00000012(?:Z|[+-]\d\d:\d\d)$/)
    expect(new Date(time).getTime()).toBe(1_700_000_000_000)
  })

  it('show microseconds as text', () => {
    const event = toContainerEvent({ ...raw, action: 'start', timeNs: 1_700_000_000_123_456_789n }, [])!
    expect(renderEventText(event)).toMatch(
      /^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.123456 container start abc \(image=i, name=p-web-1\)$/,
    )
  })
})

describe('images', () => {
  const facts = { id: `sha256:${'a'.repeat(64)}`, os: 'linux', architecture: 'arm', variant: 'v7', size: 7_660_000 }

  it.each([
    ['r:5000/x/y:2', 'r:5000/x/y', '2'],
    ['docker.io/library/busybox', 'busybox', 'latest'],
    [`x/y@sha256:${'b'.repeat(64)}`, 'x/y', ''],
    [`sha256:${'c'.repeat(64)}`, '', ''],
  ])('made from %s', (reference, Repository, Tag) => {
    expect(toImageRow('p-web-1', reference, facts)).toMatchObject({ Repository, Tag, Platform: 'linux/arm/v7' })
  })

  it('without a name and a time', () => {
    const row = toImageRow('p-web-1', 'd'.repeat(64), { ...facts, lastTagTime: '0001-01-01T00:00:00Z' })
    expect(row.LastTagTime).toBe('1970-01-01T00:00:00Z')
    expect(toImageCells(row, 0)).toEqual([
      'p-web-1',
      '<none>',
      '<none>',
      'linux/arm/v7',
      'a'.repeat(12),
      '7.66MB',
      'N/A',
    ])
  })

  it('never tagged, as an image that was loaded is, has the time it was made', () => {
    const made = { ...facts, lastTagTime: '0001-01-01T00:00:00Z', created: '2025-01-01T00:00:00Z' }
    const row = toImageRow('p-web-1', 'x', made)
    expect(row.LastTagTime).toBe('2025-01-01T00:00:00Z')
    expect(toImageCells(row, Date.parse('2025-01-01T00:03:00Z')).at(-1)).toBe('3 minutes ago')
  })

  it('tells the time since the tag', () => {
    const row = toImageRow('p-web-1', 'x', { ...facts, lastTagTime: '2026-01-01T00:00:00Z' })
    expect(toImageCells(row, Date.parse('2026-01-01T00:03:00Z')).at(-1)).toBe('3 minutes ago')
  })
})

describe('stats', () => {
  const container = { id: 'b'.repeat(64), name: 'p-web-1' }

  it('are worked out as docker does', () => {
    const row = toStatsRow(
      container,
      {
        cpu_stats: { cpu_usage: { total_usage: 300 }, system_cpu_usage: 2000, online_cpus: 2 },
        precpu_stats: { cpu_usage: { total_usage: 100 }, system_cpu_usage: 1000 },
        memory_stats: { usage: 3 * 1024 * 1024, limit: 4 * 1024 * 1024, stats: { inactive_file: 1024 * 1024 } },
        networks: { a: { rx_bytes: 1000, tx_bytes: 1 }, b: { rx_bytes: 500, tx_bytes: 2 } },
        blkio_stats: {
          io_service_bytes_recursive: [
            { op: 'Read', value: 5 },
            { op: 'write', value: 7 },
            { op: 'Total', value: 12 },
          ],
        },
        pids_stats: { current: 4 },
      },
      false,
    )
    expect(row).toEqual({
      BlockIO: '5B / 7B',
      CPUPerc: '40.00%',
      Container: 'b'.repeat(64),
      ID: 'b'.repeat(12),
      MemPerc: '50.00%',
      MemUsage: '2MiB / 4MiB',
      Name: 'p-web-1',
      NetIO: '1.5kB / 3B',
      PIDs: '4',
    })
  })

  it('of a container that does not run are dashes', () => {
    expect(toStatsRow(container, undefined, true)).toMatchObject({
      ID: 'b'.repeat(64),
      CPUPerc: '--',
      MemUsage: '-- / --',
    })
  })

  it('of a container that has ended meanwhile are dashes', () => {
    expect(toStatsRow(container, { read: '0001-01-01T00:00:00Z' }, false)).toMatchObject({ CPUPerc: '--', PIDs: '--' })
  })

  it('of an engine that tells little are zero', () => {
    expect(toStatsRow(container, {}, false)).toMatchObject({ CPUPerc: '0.00%', MemUsage: '0B / 0B', PIDs: '0' })
  })
})

describe('volumes', () => {
  it('have the fields of docker volume ls', () => {
    const facts = { name: 'p_d', driver: 'local', labels: { b: '2', a: '1' }, mountpoint: '/m', scope: 'local' }
    expect(toVolumeRow(facts)).toMatchObject({ Labels: 'a=1,b=2', Size: 'N/A', Mountpoint: '/m' })
  })
})

describe('viz', () => {
  const want = project(
    [
      service('web', {
        depends_on: dependsOn('db', 'cache'),
        image: 'a<b',
        networks: dictionary({ front: null, back: null }),
        ports: [{ target: 80, published: '8080', host_ip: '127.0.0.1', protocol: 'tcp', mode: 'ingress' }],
      }),
      service('db', { depends_on: dependsOn('cache') }),
      service('cache', { networks: dictionary({}) }),
    ],
    { networks: { front: {}, back: {} } },
  )

  it('draws services and what they depend on', () => {
    const options = { hasNetworks: false, hasPorts: false, hasImages: false, indent: '\t' }
    expect(renderViz(want, options)).toBe(`digraph "p" {
\tlayout=dot;
\t"cache" [style="filled" label=<<font point-size="15">cache</font>>];
\t"db" [style="filled" label=<<font point-size="15">db</font>>];
\t"web" [style="filled" label=<<font point-size="15">web</font>>];

\t"db" -> "cache";
\t"web" -> "cache";
\t"web" -> "db";
}
`)
  })

  it('shows networks, ports and images, whatever they hold', () => {
    const text = renderViz(want, { hasNetworks: true, hasPorts: true, hasImages: true, indent: ' ' })
    expect(text).toContain(
      ' "web" [style="filled" label=<<font point-size="15">web</font>' +
        '<font point-size="10"><br/><br/><b>Networks:</b><br/>back<br/>front</font>' +
        '<font point-size="10"><br/><br/><b>Ports:</b><br/>127.0.0.1:8080:80 (tcp, ingress)</font>' +
        '<font point-size="10"><br/><br/><b>Image:</b><br/>a&lt;b</font>>];',
    )
    expect(text).toContain('<font point-size="15">cache</font><font point-size="10"><br/><br/><b>Image:')
  })
})
