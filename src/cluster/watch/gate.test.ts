import { describe, expect, it } from 'vitest'
import { Gate } from './gate.ts'

/** Work that ends when it is told to; notes who began. */
class Bench {
  readonly gate = new Gate(2, 1)
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
