import { describe, expect, it } from 'vitest'
import { FlotillaError } from '../../../core/errors.ts'
import { joinNodeFailures } from './node-failures.ts'

const conflict = new FlotillaError('cluster/conflict', 'in use', { status: 409 })

describe('failures of several nodes', () => {
  it('are told in the order of the nodes, with the status they share', () => {
    const joined = joinNodeFailures([
      { name: 'n2', error: conflict },
      { name: 'n1', error: conflict },
    ])
    expect([joined.message, joined.status]).toEqual(['n1: in use\nn2: in use', 409])
  })

  it('of different kinds are a failure of the server', () => {
    const joined = joinNodeFailures([
      { name: 'n1', error: conflict },
      { name: 'n2', error: new Error('cut off') },
    ])
    expect([joined.message, joined.status]).toEqual(['n1: in use\nn2: cut off', 500])
  })
})
