import { describe, expect, it } from 'vitest'
import { randomId } from './random-id.ts'

describe('randomId', () => {
  it('gives as many bytes as asked for, and never the same again', () => {
    const ids = Array.from({ length: 2000 }, (_, index) => randomId(index % 2 === 0 ? 32 : 8))
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.every((id, index) => new RegExp(`^[0-9a-f]{${index % 2 === 0 ? 64 : 16}}$`).test(id))).toBe(true)
  })
})
