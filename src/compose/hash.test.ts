import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  describeService,
  hashNetwork,
  hashNetworkWithOptions,
  hashService,
  hashServiceAsAfter,
  hashServiceAsBefore,
  hashServiceWithoutLabelFile,
  hashVolume,
} from './hash.ts'
import { makeDictionary } from './model/dictionary.ts'

// Vectors observed from docker-compose 2.40.3.
describe('config hash', () => {
  it('of a service is the one the reference program computes', () => {
    const service = {
      name: 'a',
      image: 'busybox',
      command: ['sleep', '1000'],
      stop_grace_period: 0,
      networks: makeDictionary([['default', null]]),
    }
    expect(describeService(service)).toBe(
      '{"command":["sleep","1000"],"entrypoint":null,"image":"busybox","networks":{"default":null},"stop_grace_period":"0s"}',
    )
    expect(hashService(service)).toBe('4dec42422edd5fbfe7b3b1b2516e34cc8aff3614b807819c4dfb526aaebeedbd')
  })

  it('of a volume counts the driver as local', () => {
    expect(hashVolume({ name: 'smp_data' })).toBe('70e76a84dccc38471958609c9d86872a5b70f9c133183364d7434bec8397f546')
  })

  it('of a network has its address management even when nothing is set', () => {
    expect(hashNetwork({ name: 'smp_default' })).toBe(
      '0115a74002ac7012c967434c824f204c229aff77787e46730431bcfcb8efb8a8',
    )
  })

  it('of a network is without options of its address management, which 2.40 does not know', () => {
    const plain = { name: 'p_n', ipam: { driver: 'default' } }
    const rich = { name: 'p_n', ipam: { driver: 'default', options: makeDictionary([['k', 'v']]) } }
    expect(hashNetwork(rich)).toBe(hashNetwork(plain))
    expect(hashNetworkWithOptions(rich)).not.toBe(hashNetwork(plain))
    expect(hashNetworkWithOptions(plain)).toBe(hashNetwork(plain))
  })

  it('of a service leaves out what does not change its containers', () => {
    const bare = { name: 'a', image: 'x' }
    const rich = {
      ...bare,
      build: { context: '/p' },
      pull_policy: 'always',
      scale: 3,
      depends_on: makeDictionary([['b', { condition: 'service_started', required: true } as const]]),
      profiles: ['p'],
      'x-note': 'kept out',
    }
    expect(hashService(rich)).toBe(hashService(bare))
    expect(describeService({ ...bare, deploy: { replicas: 3 } })).toBe(
      '{"command":null,"deploy":{"resources":{},"placement":{}},"entrypoint":null,"image":"x"}',
    )
  })

  // Vector: label of a container made by docker-compose 2.40.
  it('of a service is over the paths of its label files, too', () => {
    const read = { name: 'a', image: 'app:1', command: ['idle'], labels: makeDictionary([['L', '1']]) }
    const service = { ...read, label_file: ['/tmp/v/l.env'], networks: makeDictionary([['default', null]]) }
    expect(hashService(service)).toBe('850c441d969283b7cf17219bbf8d0fff1f34f23947ee0b1404176e07df5ef154')
    expect(hashServiceWithoutLabelFile(service)).toBe(
      'b9384054f2db6a76aa9e6db18949a7f7b307c0a6b6bd8e97d1e4cecf1ae295d4',
    )
  })

  it('of a service as docker-compose 5 computes it is known too: folders that are to be made are not named', () => {
    const bind = (options: object): object => ({ type: 'bind', source: '/a', target: '/b', bind: options })
    const hashOf = (options: object): string =>
      hashServiceAsAfter({
        name: 'a',
        image: 'x',
        labels: makeDictionary([['l', '{"create_host_path":true']]),
        volumes: [bind(options) as never],
      })
    const told = (text: string): string =>
      createHash('sha256')
        .update(
          `{"command":null,"entrypoint":null,"image":"x","labels":{"l":"{\\"create_host_path\\":true"},` +
            `"volumes":[{"type":"bind","source":"/a","target":"/b","bind":${text}}]}`,
        )
        .digest('hex')
    expect(hashOf({ create_host_path: true })).toBe(told('{}'))
    expect(hashOf({})).toBe(told('{}'))
    expect(hashOf({ create_host_path: true, selinux: 'z' })).toBe(told('{"selinux":"z"}'))
    expect(hashOf({ create_host_path: false, propagation: 'rslave', recursive: 'disabled' })).toBe(
      told('{"propagation":"rslave","create_host_path":false,"recursive":"disabled"}'),
    )
    const plain = { name: 'a', image: 'x' }
    expect(hashServiceAsAfter(plain)).toBe(hashService(plain))
  })

  it('of a service as docker-compose 2.26.1 computes it is known too', () => {
    const service = {
      name: 'web',
      image: 'busybox',
      networks: makeDictionary([['default', null]]),
      depends_on: makeDictionary([['db', { condition: 'service_started', required: true } as const]]),
    }
    expect(hashServiceAsBefore(service)).toBe('d9912f80158817c3804902c2e8f2016cf974ea8ccc35f91918359322bcf936ce')
  })
})
