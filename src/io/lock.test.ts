import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, promises as fs, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from './clock.ts'
import { withLock } from './lock.ts'

/** What is left by processes that died, and who may take it away. */

const gone = spawnSync(process.execPath, ['-e', '']).pid

describe('a lock that a dead process left', () => {
  let folder: string
  let path: string
  const options = { clock: systemClock, waitMs: 20_000, subject: 'it' }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lock-'))
    path = join(folder, 'lock')
  })
  afterEach(() => {
    vi.restoreAllMocks()
    rmSync(folder, { recursive: true, force: true })
  })

  /** A lock as this process makes it, with something else in it. */
  async function leave(at: string, more: object): Promise<void> {
    let mine = ''
    await withLock(join(folder, 'sample'), options, async () => {
      mine = readFileSync(join(folder, 'sample'), 'utf8')
    })
    writeFileSync(at, JSON.stringify({ ...(JSON.parse(mine) as object), nonce: 'other', ...more }))
  }

  it.runIf(process.platform === 'linux')(
    'is taken over from a process that has ended and that nobody has asked for',
    async () => {
      // The inner shell ends when its parent has become a program that never asks for it.
      const parent = spawn(
        'sh',
        ['-c', 'sh -c "until grep -q sleep /proc/\\$PPID/comm; do :; done" & echo $!; exec sleep 60'],
        {
          stdio: ['ignore', 'pipe', 'ignore'],
        },
      )
      try {
        const [line] = (await once(parent.stdout, 'data')) as [Buffer]
        const pid = Number(line.toString())
        const readState = (): string => / ([A-Z]) /.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1] ?? ''
        await vi.waitFor(() => expect(readState()).toBe('Z'), { timeout: 30_000 })
        await leave(path, { pid, startTicks: 0 })
        expect(await withLock(path, { ...options, waitMs: 0 }, async () => 'mine')).toBe('mine')
      } finally {
        parent.kill('SIGKILL')
      }
    },
  )

  it('is taken away by one of many that want it, and goes to one at a time', async () => {
    await leave(path, { pid: gone })
    const remove = fs.rm.bind(fs)
    let removing = 0
    const atOnce: number[] = []
    // Whoever has made up his mind to remove it takes his time: another one may have the lock by then.
    vi.spyOn(fs, 'rm').mockImplementation(async (what, how) => {
      if (what !== path) return remove(what, how)
      removing += 1
      atOnce.push(removing)
      await systemClock.sleep(20)
      await remove(what, how)
      removing -= 1
    })
    let inside = 0
    const seen: number[] = []
    const work = async (): Promise<void> => {
      inside += 1
      seen.push(inside)
      await systemClock.sleep(5)
      inside -= 1
    }
    await Promise.all(Array.from({ length: 8 }, () => withLock(path, options, work)))
    expect(seen).toEqual(Array(8).fill(1))
    expect(Math.max(...atOnce)).toBe(1)
    expect(readdirSync(folder)).toEqual([])
  })

  it('is looked at once more before it is taken away: somebody else may have done so', async () => {
    await leave(path, { pid: gone })
    const link = fs.link.bind(fs)
    let isTaken = false
    vi.spyOn(fs, 'link').mockImplementation(async (from, to) => {
      if (to === `${path}.sweep` && !isTaken) {
        isTaken = true
        writeFileSync(
          path,
          JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), pid: process.pid, startTicks: 0 }),
        )
      }
      return link(from, to)
    })
    const refused = withLock(path, { ...options, waitMs: 0 }, () => Promise.resolve('in'))
    await expect(refused).rejects.toMatchObject({ code: 'io/locked' })
    expect([isTaken, readdirSync(folder)]).toEqual([true, ['lock']])
  })

  it('is taken over also when another one died while it did so', async () => {
    await leave(path, { pid: gone })
    await leave(`${path}.sweep`, { pid: gone })
    expect(await withLock(path, { ...options, waitMs: 0 }, () => Promise.resolve('in'))).toBe('in')
    expect(readdirSync(folder)).toEqual([])
  })

  it.each([
    ['of another computer', { computer: 'elsewhere', pid: gone }],
    ['of another computer, whatever runs there', { computer: `${hostname()}-2`, boot: 'other', pid: process.pid }],
    ['of a process that lives', {}],
  ])('is not what one %s holds', async (_, owner) => {
    await leave(path, owner)
    const before = readFileSync(path, 'utf8')
    const refused = withLock(path, { ...options, waitMs: 100 }, () => Promise.resolve('in'))
    await expect(refused).rejects.toMatchObject({
      code: 'io/locked',
      message: expect.stringMatching(/^it is in use by/),
    })
    expect(readFileSync(path, 'utf8')).toBe(before)
  })
})
