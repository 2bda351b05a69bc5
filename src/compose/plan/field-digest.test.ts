import { describe, expect, it } from 'vitest'
import { dictionary, service } from '../../testing/compose-builders.ts'
import { hashService } from '../hash.ts'
import { FIELDS_LABEL, changedFields, renderFieldDigests } from './field-digest.ts'

const before = service('web', { environment: dictionary({ LEVEL: 'info', KEEP: '1' }), command: ['a'] })
const hash = hashService(before)
const labels = { [FIELDS_LABEL]: renderFieldDigests(before, hash) }

describe('digests of settings', () => {
  it('name what was changed, added and taken away, and nothing else', () => {
    const after = service('web', {
      environment: dictionary({ LEVEL: 'debug', KEEP: '1', NEW: '1' }),
      user: 'nobody',
    })
    expect(changedFields(labels, hash, after)).toEqual(['command', 'environment.LEVEL', 'environment.NEW', 'user'])
    expect(changedFields(labels, hash, before)).toEqual([])
  })

  it('hold no value', () => {
    const secret = service('web', { environment: dictionary({ PASSWORD: 'hunter2' }) })
    expect(renderFieldDigests(secret, hashService(secret))).not.toContain('hunter2')
  })

  it('say nothing when the label belongs to another container or is no list of digests', () => {
    expect(changedFields({}, hash, before)).toBeUndefined()
    expect(changedFields(labels, hashService(service('web')), before)).toBeUndefined()
    for (const odd of ['{', 'image', 'a%:b']) {
      expect(changedFields({ [FIELDS_LABEL]: `${hash.slice(0, 12)} ${odd}` }, hash, before)).toBeUndefined()
    }
  })

  it('make one word each, whatever the names are, and no comma', () => {
    const odd = service('web', { environment: dictionary({ 'A, B': '1', 'x:y=%': '2' }) })
    const text = renderFieldDigests(odd, hashService(odd))
    expect(text).not.toContain(',')
    expect(changedFields({ [FIELDS_LABEL]: text }, hashService(odd), odd)).toEqual([])
  })

  it('stay apart for names that are names of object methods', () => {
    const odd = service('web', { environment: dictionary({ __proto__: '1', constructor: '2' }) })
    const other = service('web', { environment: dictionary({ constructor: '3' }) })
    const oddHash = hashService(odd)
    expect(changedFields({ [FIELDS_LABEL]: renderFieldDigests(odd, oddHash) }, oddHash, other)).toContain(
      'environment.constructor',
    )
  })
})
