import { describe, expect, it } from 'vitest'
import type { Discovery } from '../../src/cluster/discovery/discovery.ts'

/** One back end under test, holding the addresses it was made with. */
export interface DiscoveryFixture {
  /** Makes a back end that tells these addresses. */
  make(addresses: readonly string[]): Promise<Discovery>
  /** Lets time pass for back ends that poll. */
  advance?(ms: number): Promise<void>
  /** Replaces the addresses of the back end made last; absent for those that never change. */
  change?(addresses: readonly string[]): Promise<void>
}

/** What every discovery back end has to do. */
export function testDiscovery(name: string, fixture: DiscoveryFixture): void {
  describe(`discovery ${name}`, () => {
    it('tells the full set first, sorted and without duplicates', async () => {
      const discovery = await fixture.make(['b:2375', 'a:2375', 'b:2375'])
      const stop = new AbortController()
      const iterator = discovery.watch({ signal: stop.signal })[Symbol.asyncIterator]()
      expect((await iterator.next()).value).toEqual(['a:2375', 'b:2375'])
      await iterator.return?.()
      stop.abort()
    })

    it('ends when the signal aborts, and leaves nothing running', async () => {
      const discovery = await fixture.make(['a:2375'])
      const stop = new AbortController()
      const iterator = discovery.watch({ signal: stop.signal })[Symbol.asyncIterator]()
      await iterator.next()
      const rest = iterator.next()
      stop.abort()
      expect((await rest).done).toBe(true)
    })

    it('tells nothing when aborted before the start', async () => {
      const discovery = await fixture.make(['a:2375'])
      const seen: (readonly string[])[] = []
      for await (const set of discovery.watch({ signal: AbortSignal.abort() })) seen.push(set)
      expect(seen).toEqual([])
    })

    if (fixture.change === undefined) return

    it('tells the whole new set after a change, and nothing while there is none', async () => {
      const discovery = await fixture.make(['a:2375', 'b:2375'])
      const stop = new AbortController()
      const seen: (readonly string[])[] = []
      const done = (async () => {
        for await (const set of discovery.watch({ signal: stop.signal })) seen.push(set)
      })()
      await fixture.advance?.(30_000)
      expect(seen).toEqual([['a:2375', 'b:2375']])
      await fixture.change?.(['b:2375', 'c:2375'])
      await fixture.advance?.(30_000)
      stop.abort()
      await done
      expect(seen).toEqual([
        ['a:2375', 'b:2375'],
        ['b:2375', 'c:2375'],
      ])
    })
  })
}
