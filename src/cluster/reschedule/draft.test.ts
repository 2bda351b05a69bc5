import { describe, expect, it } from 'vitest'
import { makeNode, makeRequest } from '../../testing/cluster-builders.ts'
import type { Api } from '../api/call.ts'
import type { NodeView } from '../model.ts'
import { limitRequest, makeDraft } from './draft.ts'
import type { ContainerRecord } from './record.ts'

const record: ContainerRecord = {
  swarmId: 's',
  name: 'web',
  isRunning: true,
  ended: undefined,
  generation: 0,
  home: { engineId: 'n1-id', addr: 'n1:2375', node: 'n1', containerId: 'c' },
  body: {},
  networks: [{ name: 'wide', settings: {}, isSpanning: true }],
  volumes: [],
  hasPolicy: true,
  move: undefined,
  history: [],
  left: [],
}

function over(...nodes: readonly NodeView[]): Api {
  return { cluster: { snapshot: () => ({ revision: 0, nodes, pending: [] }) } } as unknown as Api
}

describe('where a record may go', () => {
  const worker = (name: string): NodeView => makeNode(name, { swarmRole: 'worker' })

  it('is every node that has its networks', () => {
    const more = limitRequest(over(worker('n1'), worker('n2'), worker('n3')), makeRequest(), record)
    if (typeof more === 'string') throw new Error('refused')
    expect(more.whitelists.expressions.map((each) => each.value)).toEqual(['n1|n2|n3'])
  })

  it('is the node that a rebalance wants, when that has the networks', () => {
    const wanted = (node: string) =>
      limitRequest(over(worker('n1'), worker('n2'), makeNode('n3')), makeRequest(), {
        ...record,
        move: { kind: 'rebalance', target: undefined, wanted: node, attempts: 0, sinceMs: 0 },
      })
    expect(wanted('n2')).toMatchObject({ whitelists: { expressions: [{ value: 'n2' }] } })
    expect(wanted('n3')).toBe('node n3 does not have the networks of the container')
  })
})

describe('the create call of a record', () => {
  it('may have conditions as long as the one that made it', async () => {
    const body = { Image: 'box:1', Env: [`constraint:node==${'n'.repeat(2000)}`] }
    const api = { limits: { patternLength: 4096 } } as unknown as Api
    const { request } = await makeDraft(api, { ...record, body }, 1, 'web')
    expect(request.constraints.problem).toBeUndefined()
  })
})
