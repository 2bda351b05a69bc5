import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'
import type { EndpointBed } from '../../../testing/endpoint-bed.ts'

let bed: EndpointBed
beforeAll(async () => {
  bed = await startEndpointBed([{ images: ['busybox'] }, { images: ['busybox'] }])
})
afterAll(() => bed.close())

describe('the networks that every engine has', () => {
  it.each(['bridge', 'host', 'none'])('%s is neither made nor removed', async (name) => {
    const made = await bed.call('POST', '/networks/create', { Name: name })
    const notMade = `{"message":"operation is not permitted on predefined ${name} network"}\n`
    expect([made.status, made.body]).toEqual([403, notMade])
    const gone = await bed.call('DELETE', `/networks/${name}`)
    const notGone = `{"message":"${name} is a pre-defined network and cannot be removed"}\n`
    expect([gone.status, gone.body]).toEqual([403, notGone])
  })
})

it('a container is not put on a network of another node, and that is said', async () => {
  await bed.call('POST', '/networks/create', { Name: 'n2/far' })
  const labelled = { Image: 'busybox', Env: ['constraint:node==n1'] }
  expect((await bed.call('POST', '/containers/create?name=near', labelled)).status).toBe(201)
  const message = 'network far not found on node n1, where the container is: it is on node n2 only'
  for (const action of ['connect', 'disconnect']) {
    const answer = await bed.call('POST', `/networks/far/${action}`, { Container: 'near' })
    expect([answer.status, JSON.parse(answer.body)]).toEqual([404, { message }])
  }
})
