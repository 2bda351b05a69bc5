import { expect, it } from 'vitest'
import { growInParts } from './grow-in-parts.ts'

it('many new engines come in some at a time, and what leaves goes at once', () => {
  const fresh = Array.from({ length: 1200 }, (_, index) => `n${String(index)}:1`)
  const wanted = ['kept:1', ...fresh]
  const parts = [...growInParts(new Set(['kept:1', 'gone:1']), wanted)]
  expect(parts.map((part) => part.length)).toEqual([501, 1001, 1201])
  expect(parts.every((part) => part.includes('kept:1') && !part.includes('gone:1'))).toBe(true)
  expect(parts.at(-1)).toBe(wanted)
})

it('a few, or none, come in one go', () => {
  expect([...growInParts(new Set(), ['a:1', 'b:1'])]).toEqual([['a:1', 'b:1']])
  expect([...growInParts(new Set(['a:1']), [])]).toEqual([[]])
})
