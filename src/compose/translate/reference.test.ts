import { describe, expect, it } from 'vitest'
import { dictionary, service } from '../../testing/compose-builders.ts'
import { referencedServices, resolveReferences, toVolumesFrom } from './reference.ts'

describe('a service that refers to containers', () => {
  const web = service('web', {
    network_mode: 'service:vpn',
    ipc: 'service:db',
    pid: 'container:given',
    volumes_from: ['db:ro', 'cache', 'container:other:ro', 'container:plain'],
  })
  const ids = dictionary({ vpn: 'id1', db: 'id2', cache: 'id3' })

  it('names each service once', () => {
    expect(referencedServices(web)).toEqual(['cache', 'db', 'vpn'])
  })

  it('is hashed with their IDs, and without the modes of volumes_from', () => {
    expect(resolveReferences(web, ids)).toMatchObject({
      network_mode: 'container:id1',
      ipc: 'container:id2',
      pid: 'container:given',
      volumes_from: ['id2', 'id3', 'other', 'plain'],
    })
  })

  it('has the volumes in the mode that is asked for', () => {
    expect(toVolumesFrom(web, ids)).toEqual(['id2:ro', 'id3', 'other:ro', 'plain'])
  })

  it('cannot do without one of them', () => {
    const some = dictionary({ vpn: 'id1', db: 'id2' })
    expect(() => resolveReferences(web, some)).toThrow(
      'cannot share namespace or volumes with service cache: container missing',
    )
  })
})
