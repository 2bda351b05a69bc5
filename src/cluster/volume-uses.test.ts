import { describe, expect, it } from 'vitest'
import { VolumeUses } from './volume-uses.ts'

const onE1 = { kind: 'on', engineId: 'e1' }
const nowhere = { kind: 'nowhere' } as const

describe('VolumeUses', () => {
  it('goes by who has a volume, then by who had it last', () => {
    const uses = new VolumeUses()
    uses.begin('data', 'e1')
    uses.begin('data', 'e1')
    uses.begin('data', 'e2')
    expect(uses.find('data')).toEqual({ kind: 'several' })
    uses.end('data', 'e2')
    expect(uses.find('data')).toEqual(onE1)
    uses.end('data', 'e1')
    expect(uses.find('data')).toEqual(onE1)
    uses.end('data', 'e1')
    expect(uses.find('data')).toEqual(onE1)
  })

  it('keeps a claim until the last of those who share it gives it up', () => {
    const uses = new VolumeUses()
    uses.note('data', nowhere)
    const [first, second] = [uses.claim('data', 'e1'), uses.claim('data', 'e1')]
    first()
    expect(uses.find('data')).toEqual(onE1)
    second()
    expect(uses.find('data')).toEqual(nowhere)
  })

  it('takes no claim back once one container was made', () => {
    const uses = new VolumeUses()
    const giveUp = uses.claim('data', 'e1')
    uses.note('data', { kind: 'on', engineId: 'e1' })
    uses.claim('data', 'e1')()
    giveUp()
    expect(uses.find('data')).toEqual(onE1)
  })

  it('knows nothing any more of an unused volume that a container of no project has', () => {
    const uses = new VolumeUses()
    uses.note('data', nowhere)
    uses.noteOutsider('data')
    expect(uses.find('data')).toBeUndefined()
    uses.note('data', { kind: 'on', engineId: 'e1' })
    uses.noteOutsider('data')
    expect(uses.find('data')).toEqual(onE1)
  })

  it('remembers nothing of anonymous volumes', () => {
    const uses = new VolumeUses()
    uses.begin('f'.repeat(64), 'e1')
    uses.end('f'.repeat(64), 'e1')
    expect(uses.find('f'.repeat(64))).toBeUndefined()
  })
})
