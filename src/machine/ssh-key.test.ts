import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { systemClock } from '../io/clock.ts'
import { makeSshKey } from './ssh-key.ts'

const folder = mkdtempSync(join(tmpdir(), 'ssh key-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it.runIf(spawnSync('ssh-keygen', ['-?']).error === undefined)(
  'a key that an interrupted creation has left is replaced (needs ssh-keygen)',
  async () => {
    const path = join(folder, 'id_rsa')
    await makeSshKey(path, systemClock, { deadlineMs: 20_000 })
    const first = readFileSync(`${path}.pub`, 'utf8')
    await makeSshKey(path, systemClock, { deadlineMs: 20_000 })
    expect(readFileSync(`${path}.pub`, 'utf8')).toMatch(/^ssh-ed25519 /)
    expect(readFileSync(`${path}.pub`, 'utf8')).not.toBe(first)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  },
)
