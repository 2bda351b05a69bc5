import { expect, it } from 'vitest'
import { keptConnections } from './members.ts'

it.each([
  [0, 16],
  [3, 16],
  [512, 16],
  [1000, 8],
  [5000, 1],
  [10_000, 0],
])('to each of %i engines at most %i idle connections are kept', (engines, kept) => {
  expect(keptConnections(engines)).toBe(kept)
  expect(engines * kept).toBeLessThanOrEqual(8192)
})
