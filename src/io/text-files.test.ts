import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kindOfPath, readBytesNow, readTextNow, resolveLinks } from './text-files.ts'

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flotilla-text-'))
  writeFileSync(join(folder, 'a.txt'), 'é\n')
  writeFileSync(join(folder, 'latin1.txt'), Buffer.from([0x61, 0x0a, 0xe9, 0x0a]))
  writeFileSync(join(folder, 'half16.txt'), Buffer.from([0xff, 0xfe, 0x61]))
  writeFileSync(join(folder, 'le.txt'), Buffer.from([0xff, 0xfe, 0x61, 0x00, 0xe9, 0x00]))
  writeFileSync(join(folder, 'be.txt'), Buffer.from([0xfe, 0xff, 0x00, 0x61, 0x00, 0xe9]))
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
    expect(() => readTextNow(join(folder, 'latin1.txt'), 10)).toThrow(/latin1\.txt": it is not UTF-8 text \(line 2\)/)
    expect(() => readTextNow(join(folder, 'half16.txt'), 10)).toThrow(/half16\.txt": it is not UTF-16 text/)
  })

  it('of two bytes a character are read where their mark says so', () => {
    expect(readTextNow(join(folder, 'le.txt'), 10)).toBe('\uFEFFaé')
    expect(readTextNow(join(folder, 'be.txt'), 10)).toBe('\uFEFFaé')
  })

  it.skipIf(process.platform === 'win32')(
    'that are pipes are read when somebody writes, and given up when nobody does (needs mkfifo)',
    () => {
      execFileSync('mkfifo', [join(folder, 'mute'), join(folder, 'pipe')])
      expect(() => readTextNow(join(folder, 'mute'), 10, 50)).toThrow(/mute": it is a pipe nobody writes into/)
      expect(() => readBytesNow(join(folder, 'mute'), 10, 50)).toThrow(/mute": it is a pipe nobody writes into/)
      const writer = spawn('sh', [
        '-c',
        'sleep 0.2; { printf one; sleep 0.2; printf two; } > "$1"',
        'sh',
        join(folder, 'pipe'),
      ])
      try {
        expect(readTextNow(join(folder, 'pipe'), 10, 60_000)).toBe('onetwo')
      } finally {
        writer.kill('SIGKILL')
      }
    },
  )

  it('are told from folders and absent ones, through links', () => {
    const kinds = ['a.txt', 'link', 'sub', 'no'].map((name) => kindOfPath(join(folder, name)))
    expect(kinds).toEqual(['file', 'file', 'folder', 'missing'])
    expect(resolveLinks(join(folder, 'link'))).toBe(resolveLinks(join(folder, 'a.txt')))
    expect(resolveLinks(join(folder, 'no'))).toBe(join(folder, 'no'))
    const long = join(folder, 'x'.repeat(300))
    expect(() => kindOfPath(long)).toThrow(`stat ${long}: file name too long`)
  })
})
