import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Kv, KvHold } from '../../src/io/kv/kv.ts'

/** One store under test. */
export interface KvTrial {
  /** A further client of the same store. The suite closes it. */
  connect(): Kv
  /** For locks; stores have shortest times of their own. */
  readonly lockTtlMs: number
}

/** Real stores on a busy machine need their time; nothing here waits for a time-out of theirs. */
const patience = { timeout: 15_000, interval: 20 }
const limitMs = 60_000

/** What every key-value store has to do. `name` must be a key part that no other run uses at the same time. */
export function testKv(name: string, open: () => Promise<KvTrial>): void {
  describe(`store ${name}`, () => {
    const opened: Kv[] = []
    const stops: AbortController[] = []
    let count = 0

    afterEach(async () => {
      for (const stop of stops.splice(0)) stop.abort()
      await Promise.all(opened.splice(0).map((kv) => kv.close()))
    })

    /** Two clients and a folder of their own. */
    async function start() {
      const trial = await open()
      const connect = (): Kv => {
        const kv = trial.connect()
        opened.push(kv)
        return kv
      }
      count += 1
      return { trial, connect, a: connect(), b: connect(), folder: `conformance/${name}/${String(count)}` }
    }

    /** Gathers what comes until the signal aborts. */
    function follow<T>(make: (signal: AbortSignal) => AsyncIterable<T>) {
      const stop = new AbortController()
      stops.push(stop)
      const seen: T[] = []
      const done = (async () => {
        for await (const each of make(stop.signal)) seen.push(each)
      })()
      done.catch(() => undefined)
      return {
        seen,
        stop: () => stop.abort(),
        async end() {
          stop.abort()
          await done
        },
      }
    }

    it(
      'gives back what was put, by any client, and the new value after another put',
      { timeout: limitMs },
      async () => {
        const { a, b, folder } = await start()
        expect(await a.get(`${folder}/k`)).toBeUndefined()
        await a.put(`${folder}/k`, 'one')
        const first = await b.get(`${folder}/k`)
        expect(first).toMatchObject({ key: `${folder}/k`, value: 'one' })
        await b.put(`${folder}/k`, 'two')
        const second = await a.get(`${folder}/k`)
        expect(second?.value).toBe('two')
        expect(second?.version).not.toBe(first?.version)
      },
    )

    it('keeps odd keys and values as they are', { timeout: limitMs }, async () => {
      const { a, b, folder } = await start()
      const odd = { '10.0.0.1:2375': '10.0.0.1:2375', '[::1]:1': 'a b&c=d', 'ü €%2F?#+': '{"ü":"€\\n"}', e: '' }
      for (const [key, value] of Object.entries(odd)) await a.put(`${folder}/${key}`, value)
      for (const [key, value] of Object.entries(odd)) expect((await b.get(`${folder}/${key}`))?.value).toBe(value)
      const listed = (await b.list(folder)).map((entry) => [entry.key.slice(folder.length + 1), entry.value])
      expect(Object.fromEntries(listed)).toEqual(odd)
    })

    it(
      'lists a folder at any depth, sorted, without neighbours; one that is not there is empty',
      { timeout: limitMs },
      async () => {
        const { a, b, folder } = await start()
        expect(await a.list(`${folder}/in`)).toEqual([])
        for (const key of ['in/b', 'in/a/deep', 'in/c', 'inner/x', 'i']) await a.put(`${folder}/${key}`, key)
        const keys = (await b.list(`${folder}/in`)).map((entry) => entry.key)
        expect(keys).toEqual(['in/a/deep', 'in/b', 'in/c'].map((key) => `${folder}/${key}`))
      },
    )

    it('lets one of several simultaneous creations win', { timeout: limitMs }, async () => {
      const { a, b, folder } = await start()
      const all = await Promise.all(
        [a, b, a, b].map((kv, at) => kv.compareAndSet(`${folder}/k`, String(at), undefined)),
      )
      const won = all.flatMap((version, at) => (version === undefined ? [] : [{ version, at }]))
      expect(won).toHaveLength(1)
      expect(await a.get(`${folder}/k`)).toMatchObject({ value: String(won[0]?.at), version: won[0]?.version })
    })

    it('writes and removes only the version that was named', { timeout: limitMs }, async () => {
      const { a, b, folder } = await start()
      const first = await a.compareAndSet(`${folder}/k`, '1', undefined)
      const second = await b.compareAndSet(`${folder}/k`, '2', first)
      expect(second).toBeDefined()
      expect(await a.compareAndSet(`${folder}/k`, 'late', first)).toBeUndefined()
      expect(await a.remove(`${folder}/k`, first)).toBe(false)
      expect((await a.get(`${folder}/k`))?.value).toBe('2')
      expect(await b.remove(`${folder}/k`, second)).toBe(true)
      expect(await b.remove(`${folder}/k`)).toBe(false)
      expect(await a.compareAndSet(`${folder}/k`, 'late', second)).toBeUndefined()
      expect(await a.get(`${folder}/k`)).toBeUndefined()
      await a.put(`${folder}/k`, '3')
      expect(await b.remove(`${folder}/k`)).toBe(true)
    })

    it(
      'tells a watcher the folder at once and again after each change, and ends with the signal',
      { timeout: limitMs },
      async () => {
        const { a, b, folder } = await start()
        const watched = follow((signal) => a.watch(`${folder}/w`, { signal }))
        const values = () => watched.seen.map((entries) => entries.map((entry) => entry.value))
        await vi.waitFor(() => expect(values()).toEqual([[]]), patience)
        await b.put(`${folder}/w/one`, '1')
        await vi.waitFor(() => expect(values().at(-1)).toEqual(['1']), patience)
        await b.put(`${folder}/w/one`, '2')
        await vi.waitFor(() => expect(values().at(-1)).toEqual(['2']), patience)
        await b.put(`${folder}/w/deep/two`, '3')
        await vi.waitFor(() => expect(values().at(-1)).toEqual(['3', '2']), patience)
        await b.remove(`${folder}/w/one`)
        await vi.waitFor(() => expect(values().at(-1)).toEqual(['3']), patience)
        await watched.end()
      },
    )

    it('misses no one of many who join at the same moment', { timeout: limitMs }, async () => {
      const { connect, a, folder } = await start()
      const watched = follow((signal) => a.watch(folder, { signal }))
      await vi.waitFor(() => expect(watched.seen).toHaveLength(1), patience)
      const joiners = Array.from({ length: 8 }, connect)
      await Promise.all(joiners.map((kv, at) => kv.announce(`${folder}/n${String(at)}`, String(at), 60_000)))
      await vi.waitFor(() => expect(watched.seen.at(-1)).toHaveLength(8), patience)
      await watched.end()
    })

    it('keeps what is announced until its client is closed', { timeout: limitMs }, async () => {
      const { a, b, connect, folder } = await start()
      const key = `${folder}/n`
      await a.announce(key, 'here', 60_000)
      await a.announce(key, 'here', 60_000)
      expect((await b.get(key))?.value).toBe('here')
      await a.announce(key, 'moved', 60_000)
      expect((await b.get(key))?.value).toBe('moved')
      await a.close()
      await vi.waitFor(async () => expect(await b.get(key)).toBeUndefined(), patience)
      // What somebody else left under the name is taken over.
      const c = connect()
      await b.announce(key, 'old', 60_000)
      await c.announce(key, 'new', 60_000)
      expect((await b.get(key))?.value).toBe('new')
    })

    it('has one holder of a lock, and hands it on at once when it is given up', { timeout: limitMs }, async () => {
      const { a, b, trial, folder } = await start()
      const key = `${folder}/lock`
      const holder = follow((signal) => b.watchHolder(key, { signal }))
      const first = follow((signal) => a.lock(key, 'a:1', trial.lockTtlMs, { signal }))
      await vi.waitFor(() => expect(first.seen).toHaveLength(1), patience)
      const second = follow((signal) => b.lock(key, 'b:1', trial.lockTtlMs, { signal }))
      const held = first.seen[0] as KvHold
      expect([held.isHeld(), await held.confirm()]).toEqual([true, true])
      await vi.waitFor(() => expect(holder.seen.at(-1)).toBe('a:1'), patience)
      expect(second.seen).toEqual([])
      await first.end()
      expect(first.seen).toEqual([held, undefined])
      expect([held.isHeld(), await held.confirm()]).toEqual([false, false])
      await vi.waitFor(() => expect(second.seen).toHaveLength(1), patience)
      const next = second.seen[0] as KvHold
      expect(next.term).toBeGreaterThan(held.term)
      expect(await next.confirm()).toBe(true)
      await vi.waitFor(() => expect(holder.seen.at(-1)).toBe('b:1'), patience)
      await second.end()
      await vi.waitFor(() => expect(holder.seen.at(-1)).toBe(''), patience)
      await holder.end()
    })

    it('gives its locks up when its client is closed', { timeout: limitMs }, async () => {
      const { a, b, trial, folder } = await start()
      const key = `${folder}/lock`
      const first = follow((signal) => a.lock(key, 'a:1', trial.lockTtlMs, { signal }))
      await vi.waitFor(() => expect(first.seen).toHaveLength(1), patience)
      const second = follow((signal) => b.lock(key, 'b:1', trial.lockTtlMs, { signal }))
      await a.close()
      expect(first.seen.at(-1)).toBeUndefined()
      await vi.waitFor(() => expect(second.seen).toHaveLength(1), patience)
      await second.end()
    })

    it('gives the place in the queue back when the signal aborts while waiting', { timeout: limitMs }, async () => {
      const { a, b, connect, trial, folder } = await start()
      const key = `${folder}/lock`
      const first = follow((signal) => a.lock(key, 'a:1', trial.lockTtlMs, { signal }))
      await vi.waitFor(() => expect(first.seen).toHaveLength(1), patience)
      const waiting = follow((signal) => b.lock(key, 'b:1', trial.lockTtlMs, { signal }))
      const last = follow((signal) => connect().lock(key, 'c:1', trial.lockTtlMs, { signal }))
      await waiting.end()
      expect(waiting.seen).toEqual([])
      await first.end()
      await vi.waitFor(() => expect(last.seen).toHaveLength(1), patience)
      await last.end()
    })

    it('does nothing for a signal that has aborted', { timeout: limitMs }, async () => {
      const { a, trial, folder } = await start()
      const signal = AbortSignal.abort()
      for await (const each of a.watch(folder, { signal })) expect(each).toBeUndefined()
      for await (const each of a.lock(`${folder}/l`, 'x', trial.lockTtlMs, { signal })) expect(each).toBeUndefined()
      for await (const each of a.watchHolder(`${folder}/l`, { signal })) expect(each).toBeUndefined()
      await a.close()
      await a.close()
    })
  })
}
