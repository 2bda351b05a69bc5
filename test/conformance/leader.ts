import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Leader, Lease } from '../../src/cluster/leader/leader.ts'

/** One election under test. */
export interface LeaderTrial {
  /** One more manager's part in the same election, as if on a machine of its own. */
  make(): Promise<Leader>
  /** Ends what `make` opened. */
  close?(): Promise<void>
}

const patience = { timeout: 20_000, interval: 20 }
const limitMs = 60_000

/** What everything that elects a manager has to do. `open` begins an election of its own. */
export function testLeader(name: string, open: () => Promise<LeaderTrial>): void {
  describe(`leader by ${name}`, () => {
    const ends: (() => Promise<void>)[] = []
    afterEach(async () => {
      for (const end of ends.splice(0).toReversed()) await end()
    })

    async function start() {
      const trial = await open()
      if (trial.close !== undefined) ends.push(() => trial.close?.() ?? Promise.resolve())

      function run<T>(make: (signal: AbortSignal) => AsyncIterable<T>) {
        const stop = new AbortController()
        const seen: T[] = []
        const done = (async () => {
          for await (const each of make(stop.signal)) seen.push(each)
        })()
        done.catch(() => undefined)
        const end = async (): Promise<void> => {
          stop.abort()
          await done
        }
        ends.push(end)
        return { seen, end }
      }
      return {
        stand: async (address: string) => {
          const leader = await trial.make()
          return run((signal) => leader.campaign(address, { signal }))
        },
        follow: async () => {
          const leader = await trial.make()
          return run((signal) => leader.follow({ signal }))
        },
      }
    }

    it('elects one of several, and tells everybody which', { timeout: limitMs }, async () => {
      const { stand, follow } = await start()
      const watching = await follow()
      await vi.waitFor(() => expect(watching.seen).toEqual(['']), patience)
      const all = [await stand('10.0.0.1:1'), await stand('10.0.0.2:1'), await stand('10.0.0.3:1')]
      await vi.waitFor(() => expect(all.flatMap(({ seen }) => seen)).toHaveLength(1), patience)
      const at = all.findIndex(({ seen }) => seen.length === 1)
      const lease = all[at]?.seen[0] as Lease
      expect([lease.isHeld(), await lease.confirm()]).toEqual([true, true])
      await vi.waitFor(() => expect(watching.seen).toEqual(['', `10.0.0.${String(at + 1)}:1`]), patience)
    })

    it(
      'resigns with the signal: the next one leads with a higher term, and the old lease is worth nothing',
      { timeout: limitMs },
      async () => {
        const { stand, follow } = await start()
        const first = await stand('10.0.0.1:1')
        await vi.waitFor(() => expect(first.seen).toHaveLength(1), patience)
        const second = await stand('10.0.0.2:1')
        const watching = await follow()
        await vi.waitFor(() => expect(watching.seen).toEqual(['10.0.0.1:1']), patience)
        const old = first.seen[0] as Lease
        await first.end()
        expect(first.seen).toEqual([old, undefined])
        expect([old.isHeld(), await old.confirm()]).toEqual([false, false])
        await vi.waitFor(() => expect(second.seen).toHaveLength(1), patience)
        const lease = second.seen[0] as Lease
        expect(lease.term).toBeGreaterThan(old.term)
        await vi.waitFor(() => expect(watching.seen.at(-1)).toBe('10.0.0.2:1'), patience)
        await second.end()
        await vi.waitFor(() => expect(watching.seen.at(-1)).toBe(''), patience)
      },
    )

    it('does nothing for a signal that has aborted', { timeout: limitMs }, async () => {
      const { stand } = await start()
      const gone = await stand('10.0.0.1:1')
      await gone.end()
      const next = await stand('10.0.0.2:1')
      await vi.waitFor(() => expect(next.seen).toHaveLength(1), patience)
    })
  })
}
