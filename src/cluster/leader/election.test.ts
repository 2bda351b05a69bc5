import { afterEach, describe, expect, it } from 'vitest'
import type { Log } from '../../core/log.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { memoryElection } from '../../testing/memory-election.ts'
import type { MemoryElection } from '../../testing/memory-election.ts'
import { Election } from './election.ts'
import type { Leader, Lease } from './leader.ts'

const clock = manualClock()
const managers: Manager[] = []
afterEach(async () => {
  for (const { election } of managers.splice(0)) void election.resign()
  await clock.advance(2000)
  expect(clock.sleeping).toBe(0)
})

interface Manager {
  readonly election: Election
  readonly lines: string[]
  changes: number
}

function manage(address: string, leader: Leader, catchUp?: () => Promise<void>): Manager {
  const lines: string[] = []
  const say = (message: string): void => void lines.push(message)
  const log: Log = { debug: say, info: say, warn: say, error: say }
  const election = new Election({ leader, address, clock, log, ...(catchUp === undefined ? {} : { catchUp }) })
  const manager: Manager = { election, lines, changes: 0 }
  election.onChange(() => (manager.changes += 1))
  managers.push(manager)
  election.start()
  return manager
}

async function two(): Promise<{ readonly memory: MemoryElection; readonly a: Manager; readonly b: Manager }> {
  const memory = memoryElection()
  const a = manage('a:1', memory.leader())
  await clock.advance(0)
  const b = manage('b:1', memory.leader())
  await clock.advance(0)
  return { memory, a, b }
}

function seen(manager: Manager): unknown {
  const { kind, primary, term } = manager.election
  return { kind, primary, term }
}

const acquired = 'Leader Election: Cluster leadership acquired'
const lost = 'Leader Election: Cluster leadership lost'

describe('election', () => {
  it('a manager that advertises the address of the leader says so, once a minute', async () => {
    const memory = memoryElection()
    const a = manage('a:1', memory.leader())
    await clock.advance(0)
    const namesake = manage('a:1', memory.leader())
    await clock.advance(59_000)
    expect(namesake.lines.filter((line) => line.includes('--advertise'))).toEqual([])
    await clock.advance(62_000)
    const told = 'Leader Election: the leader is at a:1, and that is the address of --advertise of this manager'
    expect(namesake.lines.filter((line) => line.startsWith(told))).toHaveLength(2)
    expect(a.lines.filter((line) => line.includes('--advertise'))).toEqual([])
  })

  it('the first is primary, the other a replica that knows it; both log in the known words', async () => {
    const { a, b } = await two()
    expect(seen(a)).toEqual({ kind: 'primary', primary: 'a:1', term: 1 })
    expect(seen(b)).toEqual({ kind: 'replica', primary: 'a:1', term: 0 })
    expect(a.lines.toSorted()).toEqual([acquired, 'New leader elected: a:1'])
    expect(b.lines).toEqual(['New leader elected: a:1'])
    expect([await a.election.mayAct(), await b.election.mayAct()]).toEqual([true, false])
  })

  it('a leader that resigns has a successor at once, in a higher term', async () => {
    const { a, b } = await two()
    await a.election.resign()
    await clock.advance(0)
    expect(seen(a)).toMatchObject({ kind: 'replica', term: 0 })
    expect(a.lines.at(-1)).toBe(lost)
    expect(seen(b)).toEqual({ kind: 'primary', primary: 'b:1', term: 2 })
    expect(b.lines).toEqual(['New leader elected: a:1', acquired, 'New leader elected: b:1'])
  })

  it('one that retires acts on nothing but still serves', async () => {
    const { a } = await two()
    a.election.retire()
    expect(a.election.kind).toBe('primary')
    expect(await a.election.mayAct()).toBe(false)
  })

  it('a lease that ends without a word is seen before any timer fires', async () => {
    const { memory, a, b } = await two()
    memory.expire('silently')
    expect(seen(a)).toMatchObject({ kind: 'replica', term: 0 })
    expect(await a.election.mayAct()).toBe(false)
    await clock.advance(200)
    expect(a.lines).toContain(lost)
    expect(seen(a)).toEqual({ kind: 'replica', primary: 'b:1', term: 0 })
    expect(seen(b)).toEqual({ kind: 'primary', primary: 'b:1', term: 2 })
  })

  it('a lease lost while it was being confirmed allows nothing, also when the answer was yes', async () => {
    let isHeld = true
    const lease: Lease = {
      term: 7,
      isHeld: () => isHeld,
      async confirm() {
        await Promise.resolve()
        isHeld = false
        return true
      },
    }
    const a = manage(
      'a:1',
      scripted(() => endless(lease)),
    )
    await clock.advance(0)
    expect(a.election.term).toBe(7)
    expect(await a.election.mayAct()).toBe(false)
  })

  it('is not led by its own address out of an earlier life', async () => {
    const a = manage(
      'a:1',
      scripted(() => endless(undefined), 'a:1'),
    )
    await clock.advance(0)
    expect(seen(a)).toEqual({ kind: 'replica', primary: undefined, term: 0 })
  })

  it('an election that breaks is stood for again, and the same trouble is not told each time', async () => {
    let tries = 0
    const a = manage(
      'a:1',
      scripted(() => {
        tries += 1
        throw new Error('no store')
      }),
    )
    await clock.advance(50_000)
    expect(tries).toBe(8)
    expect(a.lines).toEqual(['Leader Election: election failed: no store'])
    await clock.advance(50_000)
    expect(a.lines).toHaveLength(2)
  })

  it('nothing is acted on before the work of the leader before is known', async () => {
    const memory = memoryElection()
    let known = (): void => undefined
    const a = manage('a:1', memory.leader(), () => new Promise((resolve) => (known = resolve)))
    await clock.advance(0)
    expect(a.election.catchingUp).toBeDefined()
    let answer: boolean | undefined
    void a.election.mayAct().then((value) => (answer = value))
    await clock.advance(10)
    expect(answer).toBeUndefined()
    known()
    await clock.advance(0)
    expect(answer).toBe(true)
    expect(a.election.catchingUp).toBeUndefined()
  })

  it('a store that hangs holds nobody up who stops', async () => {
    const a = manage('a:1', {
      async *campaign() {
        await new Promise(() => undefined)
        yield undefined
      },
      follow: (o) => scripted(() => endless(undefined)).follow(o),
    })
    await clock.advance(0)
    let isDone = false
    void a.election.resign().then(() => (isDone = true))
    await clock.advance(2000)
    expect(isDone).toBe(true)
  })
})

/** A leader whose campaign is what `campaign` makes, and that is told of one address. */
function scripted(campaign: () => AsyncIterable<Lease | undefined>, follows = ''): Leader {
  return {
    campaign,
    async *follow(o) {
      yield follows
      await aborted(o.signal)
    },
  }
}

async function* endless(lease: Lease | undefined): AsyncGenerator<Lease | undefined> {
  yield lease
  await new Promise(() => undefined)
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }))
}
