import { expect, test } from 'vitest'
import { tuneForServer } from './long-running.ts'

test('a server of the single-file executable compiles its code as eagerly as usual from the start', () => {
  const scales: number[] = []
  tuneForServer({ Bun: { unsafe: { setJITPolicy: (scale: number) => scales.push(scale) } } })
  expect(scales).toEqual([1])
})
