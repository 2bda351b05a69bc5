import { afterEach, describe, expect, it } from 'vitest'
import { parseFailpoints } from '../core/failpoint.ts'
import { armFailpoints, failpoint } from './failpoint.ts'

afterEach(() => armFailpoints([]))

describe('a failpoint', () => {
  it('is nothing while none is armed, and where another one is', () => {
    expect(failpoint('create.beforeReply')).toBeUndefined()
    armFailpoints(parseFailpoints('create.afterPlace=error(x)'))
    expect(failpoint('create.beforeReply')).toBeUndefined()
  })

  it('fails, waits or answers from the pass on that was asked for', async () => {
    armFailpoints(
      parseFailpoints('create.afterPlace=2*error(no luck);create.beforePlace=return([1]);create.beforeReply=sleep(1)'),
    )
    expect(failpoint('create.afterPlace')).toBeUndefined()
    await expect(failpoint('create.afterPlace')).rejects.toThrow('no luck')
    await expect(failpoint('create.afterPlace')).rejects.toThrow('no luck')
    expect(await failpoint('create.beforePlace')).toEqual([1])
    expect(await failpoint('create.beforeReply')).toBeUndefined()
  })
})
