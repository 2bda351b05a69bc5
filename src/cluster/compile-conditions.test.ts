import { expect, it } from 'vitest'
import { compileConditions } from './compile-conditions.ts'
import { parseExpressions } from './expression.ts'
import { noRegex } from './regex.ts'
import { countTurns } from '../testing/count-turns.ts'

it('patterns are compiled beforehand, once each, and others have their turn', async () => {
  let nowMs = 0
  const endTurns = countTurns()
  const seen: string[] = []
  // Each takes four milliseconds.
  const slow = (pattern: string) => {
    nowMs += 4
    seen.push(pattern)
    return (text: string) => text.includes(pattern)
  }
  const texts = Array.from({ length: 100 }, (_, index) => `zone==/a${String(index)}+/`)
  const compile = await compileConditions(
    texts,
    async () => slow,
    1024,
    () => nowMs,
  )
  expect(endTurns()).toBeGreaterThanOrEqual(30)
  const { expressions } = parseExpressions(texts, compile, 'constraint')
  expect(expressions[7]?.matches('xa7+')).toBe(true)
  expect(seen).toHaveLength(100)
})

it('nothing is loaded for plain conditions, and nothing compiled beyond one that cannot be read', async () => {
  const load = async (): Promise<never> => Promise.reject(new Error('not needed'))
  expect(await compileConditions(['zone==a*'], load, 1024, () => 0)).toBe(noRegex)
  const seen: string[] = []
  const compile = (pattern: string) => {
    seen.push(pattern)
    return () => true
  }
  await compileConditions(
    ['a==/x+/', 'zone=b', 'a==/y+/'],
    async () => compile,
    1024,
    () => 0,
  )
  expect(seen).toEqual([])
  await compileConditions(
    ['aa==/x+/', 'zone=b', 'aa==/y+/'],
    async () => compile,
    1024,
    () => 0,
  )
  expect(seen).toEqual(['x+'])
})
