import { describe, expect, it } from 'vitest'
import { makeChildAbort } from './child-abort.ts'

describe('a child of a signal', () => {
  it('fires with its parent, for its reason', () => {
    const parent = new AbortController()
    const child = makeChildAbort(parent.signal)
    expect(child.signal.aborted).toBe(false)
    parent.abort('why')
    expect([child.signal.aborted, child.signal.reason]).toEqual([true, 'why'])
  })

  it('has fired when its parent had', () => {
    expect(makeChildAbort(AbortSignal.abort('before')).signal.reason).toBe('before')
  })

  it('fires by itself and leaves its parent alone', () => {
    const parent = new AbortController()
    const child = makeChildAbort(parent.signal)
    child.abort('own')
    parent.abort('late')
    expect(child.signal.reason).toBe('own')
    expect(makeChildAbort(undefined).signal.aborted).toBe(false)
  })
})
