import { describe, expect, it } from 'vitest'
import { Reads } from './reads.ts'

/** Which of some promises have resolved. */
function watch(waits: Readonly<Record<string, Promise<unknown> | undefined>>): () => Promise<readonly string[]> {
  const over: string[] = []
  for (const [name, wait] of Object.entries(waits)) void wait?.then(() => over.push(name))
  return async () => {
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve()
    return over
  }
}

describe('reads of an engine', () => {
  it('who asks while a read is under way waits for the next one', async () => {
    const reads = new Reads()
    const first = reads.begin('containers')
    const before = reads.last('containers')
    reads.queue('containers')
    const over = watch({ asked: reads.after('containers', before) })
    const second = reads.begin('containers')
    reads.end('containers', first)
    expect(await over()).toEqual([])
    reads.end('containers', second)
    expect(await over()).toEqual(['asked'])
  })

  it('who asks and sees a read begin waits for that one', async () => {
    const reads = new Reads()
    const before = reads.last('containers')
    const read = reads.begin('containers')
    const over = watch({ asked: reads.after('containers', before) })
    expect(await over()).toEqual([])
    reads.end('containers', read)
    expect(await over()).toEqual(['asked'])
  })

  it('who asks when nothing is coming does not wait', async () => {
    const over = watch({ asked: new Reads().after('containers', 0) })
    expect(await over()).toEqual(['asked'])
  })

  it('a read that ends with none to follow it ends every wait for its key, and no other', async () => {
    const reads = new Reads()
    const read = reads.begin('containers')
    reads.begin('volumes')
    const over = watch({ late: reads.after('containers', read), volumes: reads.after('volumes', 0) })
    reads.end('containers', read)
    expect(await over()).toEqual(['late'])
  })

  it('who wants to know of all keys waits for those that are read, and will be, but for none that come later', async () => {
    const reads = new Reads()
    const one = reads.begin('container:one')
    const two = reads.begin('container:two')
    reads.queue('container:two')
    reads.queue('container:three')
    reads.begin('volumes')
    const over = watch({ all: reads.settled('container:'), none: reads.settled('network:') })
    reads.begin('container:four')
    reads.end('container:one', one)
    reads.end('container:two', two)
    reads.end('container:three', reads.begin('container:three'))
    expect(await over()).toEqual(['none'])
    reads.end('container:two', reads.begin('container:two'))
    expect(await over()).toEqual(['none', 'all'])
  })

  it('an event waits for the read that its own step began, or for the one after that under way', async () => {
    const reads = new Reads()
    const early = reads.begin('volumes')
    reads.startStep()
    const own = reads.begin('containers')
    reads.queue('volumes')
    const over = watch({ own: reads.coming('containers'), next: reads.coming('volumes') })
    expect(reads.coming('networks')).toBeUndefined()
    reads.end('volumes', early)
    expect(await over()).toEqual([])
    reads.end('containers', own)
    expect(await over()).toEqual(['own'])
    reads.end('volumes', reads.begin('volumes'))
    expect(await over()).toEqual(['own', 'next'])
  })

  it('what is dropped is neither coming nor waited for', async () => {
    const reads = new Reads()
    reads.queue('containers')
    const over = watch({ asked: reads.after('containers', 0) })
    reads.drop()
    expect(await over()).toEqual(['asked'])
    expect(reads.coming('containers')).toBeUndefined()
  })
})
