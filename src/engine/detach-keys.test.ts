import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { defaultDetachKeys, makeDetachScanner, parseDetachKeys } from './detach-keys.ts'

describe('detach keys', () => {
  it.each([
    ['ctrl-p,ctrl-q', [0x10, 0x11]],
    ['a', [0x61]],
    ['ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_', [0, 27, 28, 29, 30, 31]],
    ['ctrl-x,x,ctrl-z', [24, 0x78, 26]],
  ])('%s', (text, bytes) => {
    expect([...parseDetachKeys(text)]).toEqual(bytes)
  })

  it.each(['', 'ctrl-', 'ctrl-P', 'ab', 'ctrl-p,', 'é'])('%j is refused by its name', (text) => {
    expect(() => parseDetachKeys(text)).toThrow(`invalid detach keys (${text})`)
  })
})

/** What goes on, as text, and whether it ended; each argument is one read. */
function type(...reads: readonly string[]): { sent: string; isDetached: boolean } {
  const scanner = makeDetachScanner(parseDetachKeys(defaultDetachKeys))
  let sent = ''
  for (const read of reads) {
    const { forward, isDetached } = scanner.push(Buffer.from(read, 'latin1'))
    sent += Buffer.from(forward).toString('latin1')
    if (isDetached) return { sent, isDetached }
  }
  return { sent, isDetached: false }
}

describe('what is typed', () => {
  it.each([
    [['ls\r'], 'ls\r', false],
    [['ls\u0010\u0011rm'], 'ls', true],
    [['a\u0010', '\u0011'], 'a', true],
    [['a\u0010'], 'a', false],
    [['a\u0010b'], 'a\u0010b', false],
    [['\u0010\u0010\u0011'], '\u0010', true],
    [['\u0011\u0010\u0010x'], '\u0011\u0010\u0010x', false],
  ])('%j', (reads, sent, isDetached) => {
    expect(type(...reads)).toEqual({ sent, isDetached })
  })
})
