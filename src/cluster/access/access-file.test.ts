import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Log } from '../../core/log.ts'
import { systemClock } from '../../io/clock.ts'
import { eventually } from '../../testing/manager-bed.ts'
import { AccessFile, readAccessFile } from './access-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'flotilla-access-file-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function user(name: string): string {
  return `users: {${name}: {certificate: ${name}, role: viewer}}\n`
}

describe('AccessFile', () => {
  it('says what is wrong with a file before it counts', async () => {
    await expect(readAccessFile(join(folder, 'none'))).rejects.toThrow(`${folder}/none: no such file`)
    const path = join(folder, 'open')
    writeFileSync(path, user('a'))
    chmodSync(path, 0o666)
    await expect(readAccessFile(path)).rejects.toThrow(`${path}: everybody may write to it: chmod o-w ${path}`)
    chmodSync(path, 0o644)
    expect((await readAccessFile(path)).byCertificate.get('a')?.role).toBe('viewer')
    writeFileSync(path, 'users: 5')
    await expect(readAccessFile(path)).rejects.toThrow(`${path}:1: users: is no map of keys and values`)
  })

  it('takes changes over, and keeps to the old rules while the new ones cannot be used', async () => {
    const path = join(folder, 'rules.yaml')
    writeFileSync(path, user('a'))
    const lines: string[] = []
    const note = (message: string): void => void lines.push(message)
    const log: Log = { debug() {}, info: note, warn: note, error: note }
    const file = await AccessFile.open(path, { clock: systemClock, log })
    const stop = new AbortController()
    const following = file.follow(stop.signal)
    try {
      const first = file.index
      writeFileSync(path, user('b'))
      await eventually(() => file.index.byName.has('b'), 'the change')
      expect(file.index).not.toBe(first)
      writeFileSync(path, `${user('c')}what: ever\n`)
      await eventually(() => lines.some((line) => line.includes('stay as they were')), 'the complaint')
      expect(lines).toEqual([
        'access rules read',
        `access rules stay as they were: ${path}:2: what: unknown key; known are users, tenants, anonymous, socket, allows, managers`,
      ])
      expect(file.index.byName.has('b')).toBe(true)
      // As editors and configuration management write.
      writeFileSync(`${path}.new`, user('d'))
      renameSync(`${path}.new`, path)
      await eventually(() => file.index.byName.has('d'), 'the next change')
    } finally {
      stop.abort()
      await following
    }
  })
})
