import { promises as fs } from 'node:fs'
import { mkdtemp, readFile, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from './clock.ts'
import { RingFile, listSegments } from './ring-file.ts'
import { readRing } from './ring-lines.ts'

let folder = ''
let path = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flotilla-ring-'))
  path = join(folder, 'log')
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true, force: true })
})

async function open(maxBytes = 400, segments = 4): Promise<RingFile> {
  const file = new RingFile({ path, maxBytes, segments, mode: 0o600 })
  await file.open()
  return file
}

async function names(): Promise<readonly string[]> {
  return (await readdir(folder)).sort()
}

describe('a ring of files', () => {
  it('grows in its newest segment, readable by its owner only', async () => {
    await writeFile(path, 'old\n', { mode: 0o644 })
    const file = await open()
    expect(await file.append(Buffer.from('a\n'))).toBe('none')
    await file.append(Buffer.from('b\n'))
    expect(await readFile(path, 'utf8')).toBe('old\na\nb\n')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(file.length).toBe(8)
    await file.close()
  })

  it('drops the oldest segment, and no other, also after a turn that failed half-way', async () => {
    const file = await open(400, 3)
    for (const name of ['1', '2', '3', '4', '5']) {
      await file.append(Buffer.from(name))
      await file.rotate()
    }
    expect(await names()).toEqual(['log', 'log.1', 'log.2'])
    expect(await readFile(`${path}.2`, 'utf8')).toBe('4')
    expect((await listSegments(path)).map((each) => each.slice(folder.length + 1))).toEqual(['log.2', 'log.1', 'log'])
    // The process died between two renames.
    await rename(`${path}.1`, `${path}.2`)
    await file.append(Buffer.from('6'))
    await file.rotate()
    expect(await readFile(`${path}.2`, 'utf8')).toBe('5')
    expect(await readFile(`${path}.1`, 'utf8')).toBe('6')
    // Fewer segments than before.
    await writeFile(`${path}.7`, 'x')
    await file.rotate()
    expect(await names()).toEqual(['log', 'log.1', 'log.2'])
    await file.close()
  })

  it('is as before when a write fails half-way, and goes on', async () => {
    const file = await open()
    await file.append(Buffer.from('a\n'))
    const probe = await fs.open(path)
    const handles = Object.getPrototypeOf(probe) as typeof probe
    await probe.close()
    const write = Reflect.get(handles, 'write') as (this: typeof probe, text: string) => Promise<unknown>
    vi.spyOn(handles, 'write').mockImplementationOnce(async function (this: typeof probe) {
      await write.call(this, 'bro')
      throw new Error('ENOSPC: no space left on device, write')
    })
    await expect(file.append(Buffer.from('broken\n'))).rejects.toThrow(
      `cannot write ${JSON.stringify(path)}: no space left on device`,
    )
    expect(await readFile(path, 'utf8')).toBe('a\n')
    // It cannot even be cut: the next append does it.
    vi.spyOn(handles, 'write').mockImplementationOnce(async function (this: typeof probe) {
      await write.call(this, 'bro')
      vi.spyOn(handles, 'truncate').mockRejectedValueOnce(new Error('EIO'))
      throw new Error('EIO')
    })
    await expect(file.append(Buffer.from('broken\n'))).rejects.toThrow('EIO')
    expect(await readFile(path, 'utf8')).toBe('a\nbro')
    await file.append(Buffer.from('b\n'))
    expect(await readFile(path, 'utf8')).toBe('a\nb\n')
    await file.close()
  })

  it('notices that somebody moved the file away, cut it, or wrote to it', async () => {
    const file = await open()
    await file.append(Buffer.from('a\n'))
    await rename(path, join(folder, 'moved'))
    expect(await file.append(Buffer.from('b\n'))).toBe('replaced')
    expect(await readFile(path, 'utf8')).toBe('b\n')
    await file.append(Buffer.from('cc\n'))
    await truncate(path, 3)
    expect(await file.append(Buffer.from('d\n'))).toBe('resized')
    expect(await readFile(path, 'utf8')).toBe('b\nc\nd\n')
    expect(await file.append(Buffer.from('e\n'))).toBe('none')
    await file.close()
  })

  it('is no device, no folder and not in a folder that is missing', async () => {
    const at = (where: string): RingFile => new RingFile({ path: where, maxBytes: 9, segments: 2, mode: 0o600 })
    await expect(at('/dev/null').open()).rejects.toThrow('cannot open "/dev/null": it is not a regular file')
    await expect(at(folder).open()).rejects.toThrow('is a directory')
    await expect(at(join(folder, 'none', 'log')).open()).rejects.toThrow('no such file or directory')
  })

  it('is read line by line, the oldest first, while it is written', async () => {
    const file = await open()
    await file.append(Buffer.from('1\n2\n'))
    await file.rotate()
    await file.append(Buffer.from('3\n4'))
    const lines: string[] = []
    for await (const line of readRing(path, systemClock)) {
      lines.push(`${line.file.slice(folder.length + 1)} ${line.number} ${line.text} ${line.isEnded}`)
      // The writer ends its line a moment later.
      if (line.text === '3') setTimeout(() => void file.append(Buffer.from('5\n6')), 50)
    }
    expect(lines).toEqual(['log.1 1 1 true', 'log.1 2 2 true', 'log 1 3 true', 'log 2 45 true', 'log 3 6 false'])
    await file.close()
    const none = readRing(join(folder, 'none'), systemClock)
    await expect(none.next()).rejects.toThrow('no such file')
  })
})
