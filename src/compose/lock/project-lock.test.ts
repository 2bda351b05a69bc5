import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../io/clock.ts'
import { pollUntil } from '../../io/process-identity.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { createVolume, listVolumes, removeVolume } from '../../engine/api/volumes.ts'
import { openEngine } from '../../engine/client.ts'
import type { Engine } from '../../engine/engine.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { describeSelf } from './owner.ts'
import { withProjectLock } from './project-lock.ts'

describe('the lock of a project', () => {
  let fake: FakeEngine
  let engine: Engine
  const warnings: string[] = []
  const options = { clock: systemClock, command: 'test', warn: (text: string) => void warnings.push(text) }

  beforeEach(async () => {
    fake = await startFakeEngine()
    engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
    warnings.length = 0
  })
  afterEach(async () => {
    await engine.close()
    await fake.stop()
  })

  const locks = async (): Promise<number> => ((await listVolumes(engine)).Volumes ?? []).length

  async function leave(owner: object, sequence = 7): Promise<void> {
    const mine = await describeSelf('docker-compose up', 'other', 0)
    const labels = {
      'flotilla.lock.project': 'p',
      'flotilla.lock.sequence': String(sequence),
      'flotilla.lock.owner': JSON.stringify({ ...mine, ...owner }),
    }
    await createVolume(engine, { Name: `flotilla-lock_p_${sequence}`, Labels: labels })
  }

  it('lets one in at a time, and leaves nothing behind, also after failures', async () => {
    let inside = 0
    const work = async (): Promise<void> => {
      inside += 1
      expect(inside).toBe(1)
      await systemClock.sleep(20)
      inside -= 1
      throw new Error('failed')
    }
    const all = await Promise.allSettled(Array.from({ length: 5 }, () => withProjectLock(engine, 'p', options, work)))
    expect(all.map(({ status }) => status)).toEqual(Array(5).fill('rejected'))
    expect(all.map((each) => String((each as PromiseRejectedResult).reason))).toEqual(Array(5).fill('Error: failed'))
    expect(await locks()).toBe(0)
  })

  it('that could not be removed is not waited for by the one who held it', async () => {
    const locked = (): Promise<string> =>
      withProjectLock(engine, 'p', { ...options, timeoutMs: 0 }, () => Promise.resolve('in'))
    fake.fail({ method: 'DELETE', path: /^\/volumes\//, fault: { kind: 'status', status: 500, message: 'no' } })
    expect([await locked(), await locked(), await locked()]).toEqual(['in', 'in', 'in'])
    expect(await locks()).toBe(3)
    expect(warnings).toEqual([])
  })

  /** As through a proxy that takes labels off what it passes on. */
  const through = (request: Engine['request']): Engine => ({
    endpoint: engine.endpoint,
    apiVersion: (o) => engine.apiVersion(o),
    hijack: (r, o) => engine.hijack(r, o),
    close: () => Promise.resolve(),
    request: (r, o) => (r.path === '/volumes/create' ? request(r, o) : engine.request(r, o)),
  })

  it('is done without, with a warning, where the engine keeps no labels', async () => {
    const bare = through((r, o) => engine.request({ ...r, body: { ...(r.body as object), Labels: {} } }, o))
    expect(await withProjectLock(bare, 'p', options, () => Promise.resolve('in'))).toBe('in')
    expect(warnings).toEqual(['project "p" is not locked: the engine does not keep the labels of volumes'])
    expect(await locks()).toBe(0)
  })

  it('is taken where only the answer lacks the labels', async () => {
    const bare = through(async (r, o) => {
      const answer = await engine.request(r, o)
      const made = { ...(await answer.json<object>()), Labels: null }
      return Object.assign(answer, { json: () => Promise.resolve(made) })
    })
    await withProjectLock(bare, 'p', options, async () => {
      const second = withProjectLock(engine, 'p', { ...options, timeoutMs: 0 }, () => Promise.resolve())
      await expect(second).rejects.toMatchObject({ code: 'compose/locked' })
    })
    expect(warnings).toEqual([])
    expect(await locks()).toBe(0)
  })

  it('other projects do not wait', async () => {
    const result = await withProjectLock(engine, 'p', options, () =>
      withProjectLock(engine, 'q', { ...options, timeoutMs: 0 }, () => Promise.resolve('both')),
    )
    expect(result).toBe('both')
  })

  it('names the holder, and gives up in time', async () => {
    await leave({ computer: 'elsewhere', user: 'anna', pid: 4711, since: '2026-01-01T00:00:00.000Z' })
    const holder = 'anna@elsewhere, process 4711, docker-compose up since 2026-01-01T00:00:00.000Z'
    await expect(
      withProjectLock(engine, 'p', { ...options, timeoutMs: 100 }, () => Promise.resolve()),
    ).rejects.toMatchObject({ code: 'compose/locked', message: `project "p" is in use by ${holder}` })
    expect(warnings).toEqual([`waiting for the lock of project "p": held by ${holder}`])
    expect(await locks()).toBe(1)
  })

  it.runIf(process.platform === 'linux')(
    'takes over at once from a process of this computer that is gone (Linux)',
    async () => {
      await leave({ startTicks: '1' })
      expect(await withProjectLock(engine, 'p', { ...options, timeoutMs: 0 }, () => Promise.resolve('in'))).toBe('in')
      expect(await locks()).toBe(0)
    },
  )

  it.runIf(process.platform === 'linux')(
    'does not take a process of other process numbers, or of a boot it cannot tell, for one that is gone (Linux)',
    async () => {
      await leave({ startTicks: '1', pidSpace: 'pid:[1]' })
      const enter = (): Promise<string> =>
        withProjectLock(engine, 'p', { ...options, timeoutMs: 0 }, () => Promise.resolve('in'))
      await expect(enter()).rejects.toMatchObject({ code: 'compose/locked' })
      await removeVolume(engine, 'flotilla-lock_p_7')
      await leave({ startTicks: '1', boot: '' })
      await expect(enter()).rejects.toMatchObject({ code: 'compose/locked' })
    },
  )

  it.runIf(process.platform === 'linux')(
    'does not take the process of another computer of the same name for one that is gone (Linux)',
    async () => {
      await leave({ startTicks: '1', boot: '01234567-89ab-cdef-0123-456789abcdef' })
      const entering = withProjectLock(engine, 'p', { ...options, timeoutMs: 0 }, () => Promise.resolve('in'))
      await expect(entering).rejects.toMatchObject({ code: 'compose/locked' })
    },
  )

  it.runIf(process.platform === 'linux')(
    'is not taken over from a holder that renewed it twice while it was looked at (Linux)',
    async () => {
      await leave({ startTicks: '1' })
      let isRenewed = false
      const slow: Engine = {
        endpoint: engine.endpoint,
        apiVersion: (o) => engine.apiVersion(o),
        hijack: (r, o) => engine.hijack(r, o),
        close: () => Promise.resolve(),
        async request(r, o) {
          if (r.path === '/volumes/create' && !isRenewed) {
            isRenewed = true
            await removeVolume(engine, 'flotilla-lock_p_7')
            await leave({ computer: 'elsewhere' }, 9)
          }
          return engine.request(r, o)
        },
      }
      const refused = withProjectLock(slow, 'p', { ...options, timeoutMs: 0 }, () => Promise.resolve('in'))
      await expect(refused).rejects.toMatchObject({ code: 'compose/locked' })
      expect(await locks()).toBe(1)
    },
  )

  it.runIf(process.platform === 'linux')(
    'is not taken from a holder that came after the one that is gone was looked at (Linux)',
    async () => {
      await leave({ startTicks: '1' })
      let isTaken = false
      const slow = through(async (r, o) => {
        if (!isTaken) {
          isTaken = true
          // Somebody else has taken it over, has finished, and has let the next one in.
          await removeVolume(engine, 'flotilla-lock_p_7')
          await leave({ computer: 'elsewhere', nonce: 'next' }, 1)
        }
        return engine.request(r, o)
      })
      const refused = withProjectLock(slow, 'p', { ...options, timeoutMs: 0 }, () => Promise.resolve('in'))
      await expect(refused).rejects.toMatchObject({ code: 'compose/locked' })
      expect((await listVolumes(engine)).Volumes?.map(({ Name }) => Name)).toEqual(['flotilla-lock_p_1'])
    },
  )

  it('takes over from a holder elsewhere that has not renewed for long', async () => {
    await leave({ computer: 'elsewhere' })
    let nowMs = 0
    const clock = {
      ...systemClock,
      nowMs: () => 0,
      monotonicMs: () => nowMs,
      sleep: (ms: number, signal?: AbortSignal): Promise<void> => {
        if (ms < 1000) nowMs += 5000
        return systemClock.sleep(ms < 1000 ? 1 : ms, signal)
      },
    }
    expect(await withProjectLock(engine, 'p', { ...options, clock }, () => Promise.resolve('in'))).toBe('in')
    expect(nowMs).toBeGreaterThanOrEqual(35_000)
    expect(await locks()).toBe(0)
  })

  it('is given up by a holder that cannot renew it, before others may take it', async () => {
    const clock = manualClock()
    const work = new AbortController()
    let givenUpAtMs = Infinity
    const held = withProjectLock(engine, 'p', { ...options, clock }, async (signal) => {
      fake.fail({ method: 'POST', path: /^\/volumes\/create$/, fault: { kind: 'status', status: 500, message: 'no' } })
      await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()))
      givenUpAtMs = clock.monotonicMs()
      throw new Error('what was under way')
    }).finally(() => work.abort())
    const outcome = held.catch((error: unknown) => error)
    while (!work.signal.aborted) {
      if (clock.sleeping > 0) await clock.advance(1000)
      await systemClock.sleep(2)
    }
    expect(givenUpAtMs).toBeLessThan(35_000)
    expect(await outcome).toMatchObject({
      code: 'compose/locked',
      message: expect.stringMatching(
        /^the lock of project "p" could not be renewed for 25s: .*; nothing more is done$/,
      ),
    })
    expect(warnings).toHaveLength(1)
    expect(await locks()).toBe(0)
  })

  it('is renewed while it is held, and the work ends at once when somebody else has it all the same', async () => {
    const clock = manualClock()
    const name = async (): Promise<string> => (await listVolumes(engine)).Volumes?.[0]?.Name ?? ''
    const pass = async (isTrue: () => Promise<boolean>): Promise<void> => {
      const isSo = await pollUntil(
        async () => {
          if (clock.sleeping > 0) await clock.advance(1000)
          return isTrue()
        },
        20_000,
        systemClock,
      )
      expect(isSo).toBe(true)
    }
    const held = withProjectLock(engine, 'p', { ...options, clock }, async (signal) => {
      const first = await name()
      await pass(async () => (await name()) !== first && (await locks()) === 1)
      expect(clock.monotonicMs()).toBeLessThan(25_000)
      await leave({ computer: 'elsewhere' }, 99)
      await pass(() => Promise.resolve(signal?.aborted === true))
      throw new Error('what was under way')
    })
    await expect(held).rejects.toMatchObject({
      code: 'compose/locked',
      message: 'the lock of project "p" was taken by another process; nothing more is done',
    })
    expect(await name()).toBe('flotilla-lock_p_99')
  })

  it.each([['flotilla-lock_p_1'], ['data']])('a volume %s that is somebody else’s is never removed', async (name) => {
    const labels = { 'flotilla.lock.project': name === 'data' ? 'p' : 'q', 'flotilla.lock.sequence': '1e308' }
    await createVolume(engine, { Name: name, Labels: labels })
    expect(await withProjectLock(engine, 'p', options, () => Promise.resolve('in'))).toBe('in')
    expect(await locks()).toBe(1)
  })

  it('keeps others out also where an engine that died has left a volume of its name without labels', async () => {
    await createVolume(engine, { Name: 'flotilla-lock_p_1' })
    await withProjectLock(engine, 'p', options, async () => {
      const second = withProjectLock(engine, 'p', { ...options, timeoutMs: 0 }, () => Promise.resolve('in'))
      await expect(second).rejects.toMatchObject({ message: expect.stringContaining('project "p" is in use by') })
    })
    const stray = 'volume "flotilla-lock_p_1" is in the way of the lock of project "p": it stands for no lock'
    expect(warnings).toEqual([`${stray}; remove it: docker volume rm flotilla-lock_p_1`])
    expect(await locks()).toBe(1)
    for (const number of [2, 3, 4, 5, 6, 7, 8, 9]) await createVolume(engine, { Name: `flotilla-lock_p_${number}` })
    const refused = withProjectLock(engine, 'p', options, () => Promise.resolve('in'))
    await expect(refused).rejects.toMatchObject({
      code: 'compose/locked',
      message: expect.stringContaining('_p_9" is in the way'),
    })
  })

  it('a holder is counted by the name of its volume, whatever its label says', async () => {
    const mine = await describeSelf('docker-compose up', 'other', 0)
    const owner = JSON.stringify({ ...mine, computer: 'elsewhere' })
    const labels = { 'flotilla.lock.project': 'p', 'flotilla.lock.sequence': 'Infinity', 'flotilla.lock.owner': owner }
    await createVolume(engine, { Name: 'flotilla-lock_p_9', Labels: labels })
    const entered = withProjectLock(engine, 'p', { ...options, timeoutMs: 0 }, () => Promise.resolve('in'))
    await expect(entered).rejects.toMatchObject({ hint: expect.stringContaining('docker volume rm flotilla-lock_p_9') })
  })

  it('leaves nothing behind when it is interrupted while it is taken', async () => {
    const stop = new AbortController()
    await leave({ computer: 'elsewhere' })
    const waiting = withProjectLock(engine, 'p', { ...options, signal: stop.signal }, () => Promise.resolve())
    await systemClock.sleep(50)
    stop.abort()
    await expect(waiting).rejects.toThrow()
    expect(await locks()).toBe(1)
  })
})
