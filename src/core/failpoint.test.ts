import { describe, expect, it } from 'vitest'
import { toMessage } from './errors.ts'
import { parseFailpoints } from './failpoint.ts'

function problem(text: string): string {
  try {
    parseFailpoints(text)
    return 'no problem'
  } catch (error) {
    return toMessage(error)
  }
}

describe('FLOTILLA_FAILPOINTS', () => {
  it('names points, actions and the first pass that counts', () => {
    const text = 'create.beforeReply=kill; file.afterRename=3*sleep(50);create.afterPlace=error(no luck);'
    expect(parseFailpoints(`${text}request.beforeHandler=panic;create.beforePlace=return({"a":1})`)).toEqual([
      { name: 'create.beforeReply', action: { kind: 'kill' }, fromHit: 1 },
      { name: 'file.afterRename', action: { kind: 'sleep', ms: 50 }, fromHit: 3 },
      { name: 'create.afterPlace', action: { kind: 'error', message: 'no luck' }, fromHit: 1 },
      { name: 'request.beforeHandler', action: { kind: 'panic' }, fromHit: 1 },
      { name: 'create.beforePlace', action: { kind: 'return', value: { a: 1 } }, fromHit: 1 },
    ])
  })

  it.each([
    ['nonsense', 'expected NAME=kill, panic, error(TEXT), sleep(MS) or return(JSON)'],
    ['create.nowhere=kill', 'there is no failpoint "create.nowhere"'],
    ['create.beforeReply=sleep(long)', 'sleep wants milliseconds'],
    ['create.beforeReply=return({)', 'return wants JSON'],
    ['toString=kill', 'there is no failpoint "toString"'],
  ])('%s is refused with the reason', (text, reason) => {
    expect(problem(text)).toBe(`FLOTILLA_FAILPOINTS: ${JSON.stringify(text)}: ${reason}`)
  })
})
