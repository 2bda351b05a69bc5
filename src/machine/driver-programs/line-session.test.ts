import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toMessage } from '../../core/errors.ts'
import { silentLog } from '../../core/log.ts'
import { systemClock } from '../../io/clock.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import { openLineSession } from './line-session.ts'
import type { LineSession } from './line-session.ts'

/** Goes on after the end of its input; SIGTERM ends it in its own way, or not at all. */
const script = `#!${process.execPath}
const fs = require('node:fs')
const { FOLDER, MANNERS } = process.env
process.on('SIGTERM', () => {
  fs.writeFileSync(FOLDER + '/asked', '')
  if (MANNERS === 'polite') process.exit(0)
})
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line)
  if (method === 'junk') process.stdout.write('hello\\n')
  else if (method === 'pid') process.stdout.write(JSON.stringify({ id, result: process.pid }) + '\\n')
})
setInterval(() => {}, 1000)
`

describe.skipIf(process.platform === 'win32')('the process of a driver program (needs a POSIX shell)', () => {
  let folder: string
  let clock: ManualClock
  let session: LineSession
  let pid: number

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'line-session-'))
    writeFileSync(join(folder, 'driver'), script, { mode: 0o755 })
    clock = manualClock()
  })
  afterEach(async () => {
    if (isRunning()) process.kill(pid, 'SIGKILL')
    await session.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function open(manners: 'polite' | 'stubborn'): Promise<void> {
    const env = { PATH: process.env['PATH'], FOLDER: folder, MANNERS: manners }
    session = openLineSession(join(folder, 'driver'), env, clock)
    pid = Number(await call('pid'))
  }

  function call(method: string): Promise<unknown> {
    return session.call({ method, log: silentLog, silenceMs: 60_000 }, {}).catch((error: unknown) => toMessage(error))
  }

  /** One that has ended and whom nobody has waited for counts as running. */
  function isRunning(): boolean {
    return existsSync(`/proc/${pid}`) || (process.platform !== 'linux' && canSignal())
  }

  function canSignal(): boolean {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }

  /** Lets time pass until the session is closed. */
  async function close(): Promise<void> {
    let isClosed = false
    const closing = session.close().finally(() => (isClosed = true))
    await expect
      .poll(
        async () => {
          await clock.advance(500)
          await systemClock.sleep(20)
          return isClosed
        },
        { timeout: 20_000 },
      )
      .toBe(true)
    await closing
  }

  it('that prints junk is ended at once, however stubborn', async () => {
    await open('stubborn')
    expect(await call('junk')).toContain('its output has the line "hello"')
    await expect.poll(isRunning, { timeout: 20_000 }).toBe(false)
  })

  it('that is silent for too long is ended at once', async () => {
    await open('stubborn')
    const silent = call('nothing')
    await clock.advance(60_000)
    expect(await silent).toContain('no word about nothing for 60 s')
    await expect.poll(isRunning, { timeout: 20_000 }).toBe(false)
  })

  it.each(['polite', 'stubborn'] as const)(
    'that does not mind the end of its input is asked to end: %s',
    async (how) => {
      await open(how)
      await close()
      expect([isRunning(), existsSync(join(folder, 'asked'))]).toEqual([false, true])
    },
  )
})
