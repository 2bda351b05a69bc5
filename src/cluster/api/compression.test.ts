import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { detectCompression, runsForeignUnpacker } from './compression.ts'

describe('detectCompression', () => {
  it.each([
    ['gzip', gzipSync('x')],
    ['bzip2', Buffer.from('BZh91AY')],
    ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
    ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0])],
    ['none', Buffer.from('./file')],
    ['none', Buffer.alloc(0)],
    ['none', Buffer.from([0x1f])],
  ] as const)('tells %s by its first bytes', (kind, bytes) => {
    expect(detectCompression(bytes)).toBe(kind)
  })
})

describe('runsForeignUnpacker', () => {
  it.each([
    ['20.10.24+dfsg1', true],
    ['28.5.2', true],
    ['29.5.0', true],
    ['29.5.1', false],
    ['29.10.0', false],
    ['30.0.0-rc.1', false],
    ['dev', true],
  ])('%s: %s', (version, isOpen) => {
    expect(runsForeignUnpacker(version)).toBe(isOpen)
  })
})
