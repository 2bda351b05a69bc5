import { describe, expect, it } from 'vitest'
import type { ObservedContainer } from './plan/observed.ts'
import { renderPorts, toPsRow } from './ps.ts'

const container: ObservedContainer = {
  id: 'f'.repeat(64),
  name: 'p-web-1',
  service: 'web',
  number: 1,
  isOneOff: false,
  state: 'exited',
  status: 'Exited (137) 3 minutes ago',
  image: 'busybox',
  imageId: 'sha256:0',
  command: 'sh -c "a very long command"',
  createdAtMs: Date.UTC(2026, 0, 2, 3, 4, 5),
  labels: { 'com.docker.compose.project': 'p', b: '2' },
  networks: { p_default: 'n' },
  mounts: [
    { type: 'volume', name: 'p_data', source: '/var/lib', target: '/d' },
    { type: 'bind', source: '/a/very/long/path/on/the/host', target: '/e' },
  ],
  ports: [{ hostIp: '0.0.0.0', published: 8080, target: 80, protocol: 'tcp' }],
}

describe('a row of ps', () => {
  const nowMs = container.createdAtMs + 180_000

  it('has the values of docker compose ps', () => {
    expect(toPsRow(container, { nowMs, isWhole: false })).toEqual({
      Command: '"sh -c \\"a very long …"',
      CreatedAt: '2026-01-02 03:04:05 +0000 UTC',
      ExitCode: 137,
      Health: '',
      ID: 'ffffffffffff',
      Image: 'busybox',
      Labels: 'com.docker.compose.project=p,b=2',
      LocalVolumes: '1',
      Mounts: 'p_data,/a/very/long/p…',
      Name: 'p-web-1',
      Names: 'p-web-1',
      Networks: 'p_default',
      Ports: '0.0.0.0:8080->80/tcp',
      Project: 'p',
      Publishers: [expect.objectContaining({ URL: '0.0.0.0', TargetPort: 80, PublishedPort: 8080, Protocol: 'tcp' })],
      RunningFor: '3 minutes ago',
      Service: 'web',
      Size: '0B',
      State: 'exited',
      Status: 'Exited (137) 3 minutes ago',
    })
  })

  it('is whole with --no-trunc', () => {
    const row = toPsRow(container, { nowMs, isWhole: true })
    expect([row.ID.length, row.Command, row.Mounts]).toEqual([
      64,
      '"sh -c \\"a very long command\\""',
      'p_data,/a/very/long/path/on/the/host',
    ])
  })
})

describe('ports', () => {
  const port = (target: number, published?: number, hostIp = '0.0.0.0'): ObservedContainer['ports'][number] =>
    published === undefined ? { target, protocol: 'tcp' } : { target, published, hostIp, protocol: 'tcp' }

  it.each([
    ['exposed ones alone', [port(80)], '80/tcp'],
    ['IPv6 in brackets', [port(80, 1, '::'), port(80, 1)], '0.0.0.0:1->80/tcp, [::]:1->80/tcp'],
    [
      'ranges where both sides are the same',
      [port(9001, 9001), port(9000, 9000), port(9002, 9002)],
      '0.0.0.0:9000-9002->9000-9002/tcp',
    ],
    ['no range where they are mapped', [port(81, 9001), port(80, 9000)], '0.0.0.0:9000->80/tcp, 0.0.0.0:9001->81/tcp'],
    // As docker compose 2.40 prints them, also where ranges are interrupted.
    [
      'mapped ones last',
      [port(80, 8080), port(9000, 9000), port(53, 53, '127.0.0.1'), port(9001, 9001), port(22)],
      '22/tcp, 127.0.0.1:53->53/tcp, 0.0.0.0:9000-9001->9000-9001/tcp, 0.0.0.0:8080->80/tcp',
    ],
    ['ranges that ended first', [port(5), port(80), port(90, 90), port(81)], '5/tcp, 80-81/tcp, 0.0.0.0:90->90/tcp'],
    ['in the order of the other side', [port(80, 9001), port(81, 9000)], '0.0.0.0:9001->80/tcp, 0.0.0.0:9000->81/tcp'],
    ['exposed ranges', [port(80), port(81)], '80-81/tcp'],
  ])('%s', (_, ports, expected) => {
    expect(renderPorts(ports)).toBe(expected)
  })
})
