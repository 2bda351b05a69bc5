import { describe, expect, it } from 'vitest'
import { FlotillaError } from '../../../core/errors.ts'
import { silentLog } from '../../../core/log.ts'
import type { Api } from '../call.ts'
import { explainNoLeader, toOverlayBody, warnOfEncryption } from './spanning-networks.ts'

const api = { cluster: { log: silentLog } } as unknown as Api

describe('networks over all nodes', () => {
  it('plain containers may join them, except those of the swarm itself', () => {
    expect(toOverlayBody({ Name: 'a' })).toEqual({ Name: 'a', CheckDuplicate: true, Attachable: true })
    expect(toOverlayBody({ Name: 'a', Ingress: true })).toEqual({ Name: 'a', CheckDuplicate: true, Ingress: true })
    expect(toOverlayBody({ Name: 'a', ConfigOnly: true })).not.toHaveProperty('Attachable')
  })

  it('an encrypted one comes with a warning, after that of the engine', () => {
    expect(warnOfEncryption(api, { Options: { encrypted: '' } }, { Id: 'x', Warning: 'w' })).toEqual({
      Id: 'x',
      Warning: expect.stringMatching(/^w\nencrypted networks need ESP/),
    })
    for (const body of [{}, { Options: { encrypted: 'false' } }, { Options: null }]) {
      expect(warnOfEncryption(api, body, { Id: 'x' })).toEqual({ Id: 'x' })
    }
  })

  it('a swarm without a leader: the words of the engine, what still works and what to do', () => {
    const error = new FlotillaError('engine/server', 'rpc error: The swarm does not have a leader.', { status: 503 })
    expect(explainNoLeader(error)).toMatchObject({
      status: 503,
      message: expect.stringMatching(/^rpc error: The swarm does not have a leader\. Containers are not affected\. /),
    })
    const other = new Error('x')
    expect(explainNoLeader(other)).toBe(other)
  })
})
