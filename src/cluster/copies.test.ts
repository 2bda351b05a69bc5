import { describe, expect, it } from 'vitest'
import { makeContainer, makeNode } from '../testing/cluster-builders.ts'
import { changeContainer, changeNode, copyContainer, copyNode } from './copies.ts'
import { copyState } from './watch/copy-state.ts'
import { makeEngineState } from './watch/state.ts'

describe('copies', () => {
  const node = makeNode('a', { errorText: 'x', containers: [makeContainer('c')] })
  const container = makeContainer('c', { isUnread: true, exitCode: 3 })
  const options = { failureRetry: 3, refreshMinMs: 1, refreshMaxMs: 2, probeMs: 3, silenceMs: 4 } as never

  it('hold everything, and are others', () => {
    expect(copyNode(node)).toEqual(node)
    expect(copyNode(node)).not.toBe(node)
    expect(copyContainer(container)).toEqual(container)
    const state = makeEngineState('a:1', options)
    expect(copyState(state)).toEqual(state)
  })

  it('take changes and leave the first alone', () => {
    expect(changeNode(node, { errorText: '', cpus: 9 })).toEqual({ ...node, errorText: '', cpus: 9 })
    expect(changeContainer(container, { exitCode: 0 })).toEqual({ ...container, exitCode: 0 })
    expect([node.errorText, container.exitCode]).toEqual(['x', 3])
  })
})
