import { describe, expect, it } from 'vitest'
import { manualClock } from '../../testing/manual-clock.ts'
import { Gate } from './gate.ts'

/** Work that ends when it is told to; notes who began. */
class Bench {
  readonly clock = manualClock()
  readonly gate = new Gate({ clock: this.clock, limit: 2, backLimit: 1 })
  readonly begun: string[] = []
  readonly #ends = new Map<string, () => void>()

  start(name: string, owner?: object): void {
    const body = (): Promise<void> => {
      this.begun.push(name)
      return new Promise((resolve) => this.#ends.set(name, resolve))
    }
    void this.gate.run(body, owner === undefined ? undefined : { owner })
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.()
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
  }
}

describe('the gate', () => {
  it('lets so many run at once, in order', async () => {
    const bench = new Bench()
    for (const name of ['a', 'b', 'c', 'd']) bench.start(name)
    await bench.end('')
    expect(bench.begun).toEqual(['a', 'b'])
    await bench.end('b')
    await bench.end('a')
    expect(bench.begun).toEqual(['a', 'b', 'c', 'd'])
  })

  it('begins background work only when nothing else waits, and in fewer places', async () => {
    const bench = new Bench()
    bench.start('a')
    bench.start('back1', {})
    bench.start('back2', {})
    bench.start('b')
    await bench.end('')
    expect(bench.begun).toEqual(['a', 'back1'])
    await bench.end('a')
    expect(bench.begun).toEqual(['a', 'back1', 'b'])
    await bench.end('b')
    expect(bench.begun).toEqual(['a', 'back1', 'b'])
    await bench.end('back1')
    expect(bench.begun).toEqual(['a', 'back1', 'b', 'back2'])
  })

  it('gives the place of one that takes long to another, once', async () => {
    const bench = new Bench()
    for (const name of ['hangs', 'hangs too', 'c', 'd', 'e', 'f']) bench.start(name)
    await bench.clock.advance(1499)
    expect(bench.begun).toEqual(['hangs', 'hangs too'])
    await bench.clock.advance(1)
    expect(bench.begun).toEqual(['hangs', 'hangs too', 'c', 'd'])
    // They have given their places away already.
    await bench.end('hangs')
    await bench.end('hangs too')
    expect(bench.begun).toEqual(['hangs', 'hangs too', 'c', 'd'])
    await bench.end('c')
    expect(bench.begun).toEqual(['hangs', 'hangs too', 'c', 'd', 'e'])
    for (const name of ['d', 'e', 'f']) await bench.end(name)
    expect(bench.clock.sleeping).toBe(0)
  })

  it('background work that takes long makes room for other background work', async () => {
    const bench = new Bench()
    bench.start('back1', {})
    bench.start('back2', {})
    await bench.clock.advance(1500)
    expect(bench.begun).toEqual(['back1', 'back2'])
    await bench.end('back1')
    await bench.end('back2')
    expect(bench.clock.sleeping).toBe(0)
  })

  it('takes what is needed now before everything else', async () => {
    const bench = new Bench()
    const mine = {}
    bench.start('a')
    bench.start('b')
    bench.start('back1', {})
    bench.start('back2', mine)
    bench.start('c')
    bench.gate.hasten(mine)
    await bench.end('')
    await bench.end('a')
    await bench.end('b')
    expect(bench.begun).toEqual(['a', 'b', 'back2', 'c'])
    await bench.end('back2')
    await bench.end('c')
    expect(bench.begun.at(-1)).toBe('back1')
  })
})
