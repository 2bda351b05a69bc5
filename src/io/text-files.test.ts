import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kindOfPath, readTextNow, resolveLinks } from './text-files.ts'

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flotilla-text-'))
  writeFileSync(join(folder, 'a.txt'), 'é\n')
  writeFileSync(join(folder, 'utf16.txt'), Buffer.from([0xff, 0xfe, 0x61, 0x00]))
  mkdirSync(join(folder, 'sub'))
  symlinkSync('a.txt', join(folder, 'link'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('text files', () => {
  it('are read whole; one that is not there is nothing', () => {
    expect(readTextNow(join(folder, 'a.txt'), 10)).toBe('é\n')
    expect(readTextNow(join(folder, 'no.txt'), 10)).toBeUndefined()
    expect(readTextNow(join(folder, 'a.txt/below'), 10)).toBeUndefined()
  })

  it('above the limit, folders, endless devices and other encodings are refused by name', () => {
    expect(() => readTextNow(join(folder, 'a.txt'), 2)).toThrow(/a\.txt": it is larger than 2 bytes/)
    expect(() => readTextNow(join(folder, 'sub'), 10)).toThrow(/sub: is a directory/)
    expect(() => readTextNow('/dev/zero', 1000)).toThrow(/"\/dev\/zero": it is larger than 1000 bytes/)
    expect(() => readTextNow(join(folder, 'utf16.txt'), 10)).toThrow(/utf16\.txt": it is not UTF-8 text/)
  })

  it('are told from folders and absent ones, through links', () => {
    const kinds = ['a.txt', 'link', 'sub', 'no'].map((name) => kindOfPath(join(folder, name)))
    expect(kinds).toEqual(['file', 'file', 'folder', 'missing'])
    expect(resolveLinks(join(folder, 'link'))).toBe(resolveLinks(join(folder, 'a.txt')))
    expect(resolveLinks(join(folder, 'no'))).toBe(join(folder, 'no'))
  })
})
