import { describe, expect, it } from 'vitest'
import type { Host } from '../../src/machine/host.ts'
import { emptyAuthOptions, emptyEngineOptions, emptySwarmOptions } from '../../src/machine/record.ts'
import type { Store } from '../../src/machine/store.ts'

/** A host record with every field set to something plain. */
export function makeHost(name: string, more: Partial<Host> = {}): Host {
  return {
    name,
    driverName: 'none',
    driver: { IPAddress: '10.0.0.1', MachineName: name, URL: 'tcp://10.0.0.1:2376', Extra: { deep: [1, null, 'x'] } },
    options: {
      Driver: '',
      Memory: 0,
      Disk: 0,
      EngineOptions: { ...emptyEngineOptions, Labels: ['a=b'], TlsVerify: true },
      SwarmOptions: emptySwarmOptions,
      AuthOptions: emptyAuthOptions,
    },
    ...more,
  }
}

/** What every store promises. `open` gives a fresh, empty store. */
export function testStore(kind: string, open: () => Promise<Store>): void {
  describe(`${kind} as a store`, () => {
    it('is empty at first', async () => {
      const store = await open()
      expect(await store.list()).toEqual([])
      expect(await store.exists('a')).toBe(false)
    })

    it('gives back what was saved, fields of unknown drivers included', async () => {
      const store = await open()
      await store.create(makeHost('a'))
      expect(JSON.parse(JSON.stringify((await store.load('a')).driver))).toEqual(makeHost('a').driver)
      const changed = { ...(await store.load('a')), driverName: 'other' }
      await store.save(changed)
      expect(JSON.stringify(await store.load('a'))).toBe(JSON.stringify(changed))
    })

    it('lists names in the order of their bytes', async () => {
      const store = await open()
      for (const name of ['m2', 'm10', 'B', 'a']) await store.create(makeHost(name))
      expect(await store.list()).toEqual(['B', 'a', 'm10', 'm2'])
    })

    it('lets exactly one of several simultaneous creations of a name win', async () => {
      const store = await open()
      const results = await Promise.allSettled([1, 2, 3, 4].map(() => store.create(makeHost('same'))))
      expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1)
      const lost = results.find((result) => result.status === 'rejected')
      expect(String(lost?.reason)).toContain('Docker machine "same" already exists')
    })

    it('names the machine when it is not there, for load and remove alike', async () => {
      const store = await open()
      await expect(store.load('gone')).rejects.toMatchObject({ code: 'machine/not-found' })
      await expect(store.remove('gone')).rejects.toThrow('Docker machine "gone" does not exist.')
    })

    it('forgets what was removed and lets the name be used again', async () => {
      const store = await open()
      await store.create(makeHost('a'))
      await store.remove('a')
      expect(await store.exists('a')).toBe(false)
      expect(await store.list()).toEqual([])
      await store.create(makeHost('a'))
      expect(await store.list()).toEqual(['a'])
    })

    it('refuses names that are no names', async () => {
      const store = await open()
      for (const name of ['', '.', '..', '-a', 'a/b', '∞', 'a b', 'a\nb']) {
        await expect(store.create(makeHost(name)), name).rejects.toMatchObject({ code: 'machine/invalid-name' })
      }
    })

    it('runs one locked body at a time per name, and different names side by side', async () => {
      const store = await open()
      const trace: string[] = []
      async function work(name: string, label: string): Promise<void> {
        await store.lock(name, async () => {
          trace.push(`+${label}`)
          await new Promise((resolve) => setImmediate(resolve))
          trace.push(`-${label}`)
        })
      }
      await Promise.all([work('a', '1'), work('a', '2'), work('a', '3')])
      expect(trace).toHaveLength(6)
      for (let at = 0; at < 6; at += 2) expect(trace[at]?.slice(1)).toBe(trace[at + 1]?.slice(1))
      await store.lock('a', async () => {
        await store.lock('b', async () => {
          trace.push('both')
        })
      })
      expect(trace.at(-1)).toBe('both')
    })

    it('says who holds a lock it cannot have, and frees it when the body fails', async () => {
      const store = await open()
      await store.lock('a', async () => {
        await expect(store.lock('a', async () => {}, { deadlineMs: 0 })).rejects.toMatchObject({ code: 'io/locked' })
      })
      await expect(
        store.lock('a', async () => {
          throw new Error('body failed')
        }),
      ).rejects.toThrow('body failed')
      expect(await store.lock('a', async () => 'free')).toBe('free')
    })
  })
}
