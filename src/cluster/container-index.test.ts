import { describe, expect, it } from 'vitest'
import { makeContainer, makeNode } from '../testing/cluster-builders.ts'
import { ContainerIndex } from './container-index.ts'
import type { Found } from './container-index.ts'

const idA = `abc${'1'.repeat(61)}`
const idB = `abd${'2'.repeat(61)}`
const swarmId = `fff${'3'.repeat(61)}`

function makeIndex(): ContainerIndex {
  const names = new Map([
    ['n1', { name: 'n1', engineId: 'E1', id: 'E1|n1' }],
    ['n2', { name: 'n2', engineId: 'E2', id: 'E2|n2' }],
  ])
  const index = new ContainerIndex((addr) => names.get(addr))
  index.update(
    'n1',
    makeNode('n1', { containers: [makeContainer('web', { id: idA, swarmId, names: ['web', 'db/web'] })] }),
  )
  index.update('n2', makeNode('n2', { containers: [makeContainer('db', { id: idB })] }))
  return index
}

function show(found: Found): string {
  return found.kind === 'found' ? `${found.addr} ${found.container.names[0] ?? ''}` : found.kind
}

describe('ContainerIndex', () => {
  it.each([
    [idA, 'n1 web'],
    [idA.slice(0, 12), 'n1 web'],
    [swarmId, 'n1 web'],
    [swarmId.slice(0, 12), 'n1 web'],
    ['web', 'n1 web'],
    ['/web', 'n1 web'],
    ['n1/web', 'n1 web'],
    ['E1/web', 'n1 web'],
    ['/n1/web', 'n1 web'],
    ['n2/web', 'none'],
    ['abd', 'n2 db'],
    ['ff', 'n1 web'],
    ['ab', 'ambiguous'],
    ['abcd', 'none'],
    ['', 'none'],
    ['__proto__', 'none'],
  ])('%j is %s', (reference, expected) => {
    expect(show(makeIndex().find(reference))).toBe(expected)
  })

  it('a name held by two nodes is ambiguous unless a node is named', () => {
    const index = makeIndex()
    index.update('n2', makeNode('n2', { containers: [makeContainer('web', { id: idB })] }))
    expect([index.find('web').kind, show(index.find('n2/web')), show(index.find('n1/web'))]).toEqual([
      'ambiguous',
      'n2 web',
      'n1 web',
    ])
  })

  it('follows renames and removals and forgets a node as a whole', () => {
    const index = makeIndex()
    index.update('n1', makeNode('n1', { containers: [makeContainer('shop', { id: idA })] }))
    expect([index.find('web').kind, show(index.find('shop')), index.find(swarmId).kind]).toEqual([
      'none',
      'n1 shop',
      'none',
    ])
    index.update('n1', makeNode('n1'))
    expect(index.find(idA).kind).toBe('none')
    index.update('n2', undefined)
    expect([index.find('db').kind, index.size]).toEqual(['none', 0])
  })
})
