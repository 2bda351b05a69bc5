import { expect, test } from 'vitest'
import { manualClock } from '../testing/manual-clock.ts'
import { compileEagerlyOnceLong } from './jit-policy.ts'

test('a program that runs for a second compiles its code as eagerly as usual, and none before', async () => {
  const clock = manualClock()
  const scales: number[] = []
  compileEagerlyOnceLong(clock, { Bun: { unsafe: { setJITPolicy: (scale: number) => scales.push(scale) } } })
  await clock.advance(999)
  expect(scales).toEqual([])
  await clock.advance(1)
  expect(scales).toEqual([1])
})

test('nothing is set up on Node', () => {
  const clock = manualClock()
  compileEagerlyOnceLong(clock, {})
  expect(clock.sleeping).toBe(0)
})

test('an engine that has no such policy stays as it is', async () => {
  const clock = manualClock()
  for (const globals of [{ Bun: {} }, { Bun: { unsafe: {} } }]) compileEagerlyOnceLong(clock, globals)
  await clock.advance(1000)
  expect(clock.sleeping).toBe(0)
})
