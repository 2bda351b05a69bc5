import { execFileSync } from 'node:child_process'
import { Buffer } from 'node:buffer'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readForStream, readPieces } from './read-pieces.ts'

describe('the content of a file in pieces', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'pieces-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  async function read(name: string, sizeBytes?: number): Promise<readonly string[]> {
    const pieces: string[] = []
    const options = { buffer: Buffer.alloc(4), ...(sizeBytes !== undefined && { sizeBytes }) }
    for await (const piece of readPieces(join(root, name), options)) pieces.push(Buffer.from(piece).toString())
    return pieces
  }

  it('is all of it, or as much as was asked for', async () => {
    writeFileSync(join(root, 'a'), '0123456789')
    writeFileSync(join(root, 'empty'), '')
    expect(await read('a')).toEqual(['0123', '4567', '89'])
    expect(await read('a', 5)).toEqual(['0123', '4'])
    expect(await read('empty')).toEqual([])
    expect(await read('empty', 0)).toEqual([])
    const kept: Uint8Array[] = []
    for await (const piece of readForStream(join(root, 'a'), 10)) kept.push(piece)
    expect(Buffer.concat(kept).toString()).toBe('0123456789')
  })

  it('is an error that names the file when it became another, is gone or shorter', async () => {
    writeFileSync(join(root, 'short'), '012345678')
    const shown = (name: string): string => `cannot read ${JSON.stringify(join(root, name))}: `
    await expect(read('gone')).rejects.toThrow(`${shown('gone')}no such file or directory`)
    mkdirSync(join(root, 'folder'))
    await expect(read('folder')).rejects.toThrow(`${shown('folder')}it is no longer a regular file`)
    await expect(read('short', 10)).rejects.toThrow(`${shown('short')}it became shorter while it was read`)
    truncateSync(join(root, 'short'))
    await expect(read('short', 9)).rejects.toMatchObject({ code: 'io/file' })
  })

  it.skipIf(process.platform === 'win32')('does not wait for who might write to a pipe (needs mkfifo)', async () => {
    execFileSync('mkfifo', [join(root, 'pipe')])
    await expect(read('pipe')).rejects.toThrow('it is no longer a regular file')
  })
})
