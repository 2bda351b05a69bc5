import { expect, it } from 'vitest'
import { makeContainer, makeNode } from '../testing/cluster-builders.ts'
import { defaultFilters } from './filters/default-filters.ts'
import { renderInfoRows, sumInfo, writeInfoTable } from './info.ts'
import type { ClusterSnapshot } from './model.ts'
import { spreadStrategy } from './strategies/spread.ts'

const policy = { filters: defaultFilters, strategy: spreadStrategy }

const cluster: ClusterSnapshot = {
  revision: 1,
  pending: [],
  nodes: [
    makeNode('node-1', {
      addr: '127.0.0.1:5401',
      health: { state: 'unhealthy', failures: 3, indicator: 0 },
      errorText: 'connection refused',
      containers: [makeContainer('x')],
      updatedAtMs: Date.UTC(2026, 0, 1),
      labels: new Map([
        ['b', '2'],
        ['a', '1'],
      ]),
    }),
    makeNode('node-0', {
      addr: '127.0.0.1:5400',
      memoryBytes: 26_542_899_855,
      containers: [
        makeContainer('r', { nanoCpus: 1e9, memoryBytes: 64 * 2 ** 20 }),
        makeContainer('p', { state: 'paused' }),
        makeContainer('s', { state: 'exited', nanoCpus: 5e8 }),
      ],
    }),
    makeNode('', {
      addr: '127.0.0.1:9',
      engineId: '',
      health: { state: 'pending', failures: 0, indicator: 0 },
      errorText: 'no route',
    }),
  ],
}

it('the node table has the keys, blanks and order that scripts parse', () => {
  expect(renderInfoRows(cluster, { policy }).map((row) => row.join(' | '))).toEqual([
    'Role | primary',
    'Strategy | spread',
    'Filters | health, port, containerslots, dependency, affinity, constraint, whitelist',
    'Nodes | 3',
    ' (unknown) | 127.0.0.1:9',
    '  └ ID | (unknown)',
    '  └ Status | Pending',
    '  └ Containers | 0',
    '  └ Reserved CPUs | 0 / 4',
    '  └ Reserved Memory | 0 B / 2 GiB',
    '  └ Labels | ',
    '  └ Error | no route',
    '  └ UpdatedAt | 1970-01-01T00:00:00Z',
    '  └ ServerVersion | 20.10.24',
    ' node-0 | 127.0.0.1:5400',
    '  └ ID | node-0-id|node-0:2375',
    '  └ Status | Healthy',
    '  └ Containers | 3 (1 Running, 1 Paused, 1 Stopped)',
    '  └ Reserved CPUs | 1.5 / 4',
    '  └ Reserved Memory | 64 MiB / 24.72 GiB',
    '  └ Labels | ',
    '  └ UpdatedAt | 1970-01-01T00:00:00Z',
    '  └ ServerVersion | 20.10.24',
    ' node-1 | 127.0.0.1:5401',
    '  └ ID | node-1-id|node-1:2375',
    '  └ Status | Unhealthy',
    '  └ Containers | 1',
    '  └ Reserved CPUs | 0 / 4',
    '  └ Reserved Memory | 0 B / 2 GiB',
    '  └ Labels | a=1, b=2',
    '  └ Error | connection refused',
    '  └ UpdatedAt | 2026-01-01T00:00:00Z',
    '  └ ServerVersion | 20.10.24',
  ])
})

it('the table as text is the same table', () => {
  let text = ''
  writeInfoTable({ write: (piece) => void (text += piece) }, cluster, { policy })
  expect(JSON.parse(text)).toEqual(renderInfoRows(cluster, { policy }))
})

it('a replica names its primary', () => {
  expect(renderInfoRows(cluster, { policy, primary: '10.0.0.1:3376' }).slice(0, 2)).toEqual([
    ['Role', 'replica'],
    ['Primary', '10.0.0.1:3376'],
  ])
})

it('sums go over all nodes', () => {
  expect(sumInfo(cluster)).toMatchObject({
    containers: { all: 4, running: 2, paused: 1, stopped: 1 },
    cpus: 12,
    images: 0,
  })
})
