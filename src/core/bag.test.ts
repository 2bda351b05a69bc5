import { expect, test } from 'vitest'
import * as fc from 'fast-check'
import { Bag } from './bag.ts'

const ascending = (a: number, b: number): number => a - b

test('a bag holds what came and has not gone, whatever goes first', () => {
  const steps = fc.array(fc.oneof(fc.constant('add' as const), fc.nat(20)), { maxLength: 60 })
  fc.assert(
    fc.property(steps, (all) => {
      const bag = new Bag<number>()
      const entries = all.flatMap((step, at) => (step === 'add' ? [bag.add(at)] : []))
      const kept = new Set(entries)
      for (const step of all) {
        const entry = step === 'add' ? undefined : entries[step]
        if (entry === undefined) continue
        bag.delete(entry)
        kept.delete(entry)
        expect(bag.size).toBe(kept.size)
        expect(bag.toArray().toSorted(ascending)).toEqual([...kept].map(({ item }) => item))
      }
    }),
  )
})
