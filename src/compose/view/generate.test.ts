import { describe, expect, it } from 'vitest'
import type { ContainerInspect } from '../../engine/api/types.ts'
import { generateFile } from './generate.ts'

/** What an engine says of a container, as far as it is used. */
function container(fields: Record<string, unknown>): ContainerInspect {
  return {
    Id: 'a'.repeat(64),
    Name: '/one',
    Image: 'sha256:1',
    Mounts: [],
    Config: { Image: 'box:1' },
    HostConfig: {},
    NetworkSettings: { Networks: {} },
    ...fields,
  } as unknown as ContainerInspect
}

const image = { Env: ['PATH=/bin'], Cmd: ['serve'], Entrypoint: null, Labels: { of: 'image' } }

describe('generate', () => {
  it('writes what the image does not say', () => {
    const one = container({
      Config: {
        Image: 'box:1',
        Env: ['PATH=/bin', 'A=1=2', 'B'],
        Cmd: ['other'],
        Labels: {
          of: 'image',
          own: 'yes',
          'com.docker.compose.service': 'web',
          'com.docker.compose.project': 'p',
          'flotilla.compose.fields': 'abc image:def',
        },
        Hostname: 'aaaaaaaaaaaa',
        Healthcheck: { Test: ['CMD', 'true'], Interval: 90_000_000_000, Retries: 3 },
      },
      HostConfig: {
        RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
        PortBindings: {
          '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }],
          '53/udp': [{ HostIp: '', HostPort: '' }],
        },
        NetworkMode: 'p_default',
      },
      NetworkSettings: { Networks: { p_default: { Aliases: ['one', 'web', 'aaaaaaaaaaaa', 'www'] } } },
      Mounts: [
        { Type: 'volume', Name: 'p_data', Source: '/var/x', Destination: '/data', RW: true },
        { Type: 'volume', Name: 'f'.repeat(64), Source: '/var/y', Destination: '/tmp', RW: true },
        { Type: 'bind', Source: '/proj/shop/conf', Destination: '/conf', RW: false },
      ],
    })
    expect(
      JSON.parse(JSON.stringify(generateFile([one], { imageOf: () => image, name: 'shop', folder: '/proj/shop' }))),
    ).toEqual({
      name: 'shop',
      services: {
        web: {
          image: 'box:1',
          command: ['other'],
          environment: { A: '1=2', B: null },
          labels: { own: 'yes' },
          healthcheck: { test: ['CMD', 'true'], interval: '1m30s', retries: 3 },
          restart: 'on-failure:3',
          networks: { p_default: { aliases: ['www'] } },
          ports: [
            { target: 80, protocol: 'tcp', host_ip: '127.0.0.1', published: '8080' },
            { target: 53, protocol: 'udp' },
          ],
          volumes: [
            { type: 'volume', source: 'p_data', target: '/data' },
            { type: 'volume', target: '/tmp' },
            { type: 'bind', source: './conf', target: '/conf', read_only: true },
          ],
        },
      },
      networks: { p_default: { name: 'p_default', external: true } },
      volumes: { p_data: { name: 'p_data', external: true } },
    })
  })

  it('counts the containers of one service, and calls others by their names', () => {
    const labels = { 'com.docker.compose.service': 'web' }
    const [one, two] = [1, 2].map((number) =>
      container({ Name: `/p-web-${number}`, Config: { Image: 'box:1', Labels: labels } }),
    )
    const file = generateFile([one!, two!, container({ HostConfig: { NetworkMode: 'host' } })], {
      imageOf: () => undefined,
    })
    expect(JSON.parse(JSON.stringify(file))).toEqual({
      services: { web: { image: 'box:1', scale: 2 }, one: { image: 'box:1', network_mode: 'host' } },
    })
  })
})
