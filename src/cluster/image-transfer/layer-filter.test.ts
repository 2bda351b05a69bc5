import { describe, expect, it } from 'vitest'
import { makeLayerFilter } from './layer-filter.ts'

const hex = (digit: string): string => digit.repeat(64)
const diff = (digit: string): string => `sha256:${hex(digit)}`
const file = (name: string, size = 1): { name: string; size: number; isFile: boolean } => ({ name, size, isFile: true })
const blob = (digit: string): { name: string; size: number; isFile: boolean } => file(`blobs/sha256/${hex(digit)}`)

describe('makeLayerFilter', () => {
  it('drops blobs of layers that the target has, and tells of them', () => {
    const dropped: number[] = []
    const rules = makeLayerFilter({
      layers: [diff('a'), diff('b'), diff('c')],
      shared: 2,
      isBlobsOnly: false,
      onDropped: (bytes) => dropped.push(bytes),
    })
    expect(['a', 'b', 'c', 'd'].map((digit) => rules.judge(blob(digit)))).toEqual(['drop', 'drop', 'pass', 'pass'])
    expect(rules.judge(file('manifest.json'))).toBe('pass')
    expect(dropped).toEqual([1, 1])
  })

  it('keeps a layer whose content comes again above', () => {
    const rules = makeLayerFilter({ layers: [diff('a'), diff('b'), diff('a')], shared: 2, isBlobsOnly: false })
    expect(['a', 'b'].map((digit) => rules.judge(blob(digit)))).toEqual(['pass', 'drop'])
  })

  it('sends a layer of the classic layout that it does not know for certain', () => {
    const rules = makeLayerFilter({ layers: [diff('a'), diff('b')], shared: 1, isBlobsOnly: false })
    expect(rules.judge(file(`${hex('1')}/layer.tar`))).toBe('pass')
    const json = file(`${hex('1')}/json`)
    expect(rules.judge(json)).toBe('read')
    rules.onRead(json, Buffer.from(`{"id":"${hex('1')}","os":"linux"}`))
    expect(rules.judge(file(`${hex('1')}/layer.tar`))).toBe('pass')
  })

  it('leaves the classic layout alone for a target that wants it whole, and names it does not understand', () => {
    const rules = makeLayerFilter({ layers: [diff('a'), diff('b')], shared: 1, isBlobsOnly: true })
    expect(rules.judge(file(`${hex('1')}/json`))).toBe('pass')
    for (const name of [`blobs/sha256/../${hex('a')}`, `blobs/sha512/${hex('a')}`, `x/blobs/sha256/${hex('a')}`, '']) {
      expect(rules.judge(file(name))).toBe('pass')
    }
    expect(rules.judge({ ...blob('a'), isFile: false })).toBe('pass')
  })
})
