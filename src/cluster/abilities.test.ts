import { expect, it } from 'vitest'
import { isSameAbilities, joinAbilities, noAbilities, readAbilities } from './abilities.ts'

const old = readAbilities({
  Plugins: { Volume: ['local'], Network: ['host', 'bridge'], Authorization: null, Log: ['json-file', 'logentries'] },
  MemoryLimit: true,
  OomKillDisable: true,
  BridgeNfIptables: true,
})
const modern = readAbilities({
  Plugins: { Volume: ['local', 'nfs'], Network: ['bridge', 'overlay'], Authorization: ['opa'], Log: ['json-file'] },
  MemoryLimit: true,
  SwapLimit: false,
  OomKillDisable: false,
})

it('a cluster has every driver of its nodes, and can do what none of them says it cannot', () => {
  const { drivers, flags } = joinAbilities([old, modern])
  expect(drivers).toEqual({
    Volume: ['local', 'nfs'],
    Network: ['bridge', 'host', 'overlay'],
    Authorization: ['opa'],
    Log: ['json-file', 'logentries'],
  })
  expect(Object.entries(flags).filter(([, can]) => !can)).toEqual([
    ['SwapLimit', false],
    ['OomKillDisable', false],
  ])
})

it('nonsense of an engine reads as nothing said', () => {
  expect(readAbilities({ Plugins: [], MemoryLimit: 'no', OomKillDisable: 0 })).toEqual(noAbilities)
  expect(readAbilities({ Plugins: { Volume: ['local', 7, null] } }).drivers.Volume).toEqual(['local'])
})

it('what says the same is the same', () => {
  expect(isSameAbilities(old, structuredClone(old))).toBe(true)
  expect(isSameAbilities(old, modern)).toBe(false)
})
