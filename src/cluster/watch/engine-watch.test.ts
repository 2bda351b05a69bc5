import { Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { Engine, EngineReply, EngineRequest, OnRead } from '../../engine/engine.ts'
import { systemClock } from '../../io/clock.ts'
import { EngineWatch } from './engine-watch.ts'
import { Gate } from './gate.ts'
import { defaultWatchOptions } from './messages.ts'
import type { Effect } from './messages.ts'
import { readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import { makeEngineState, reduce } from './state.ts'

const id = 'a'.repeat(64)
const info = { ID: 'engine-a', Name: 'a', NCPU: 2, MemTotal: 1000, SystemTime: new Date().toISOString() }
const row = { Id: id, Names: ['/web'], State: 'running', Created: 1 }

/** What an engine answers, path by path; what is not there is never answered. */
type Answers = Map<string, () => Promise<unknown>>

function makeAnswers(): Answers {
  const answers: Answers = new Map()
  const says = (path: string, value: unknown): void => void answers.set(path, () => Promise.resolve(value))
  says('/info', info)
  says('/version', { ApiVersion: '1.41' })
  says('/containers/json', [row])
  says(`/containers/${id}/json`, { State: { Status: 'running' }, HostConfig: {}, Config: {} })
  says('/networks', [])
  says('/images/json', [])
  says('/volumes', { Volumes: [] })
  return answers
}

/** Reads come by `readAll`; events are a stream that says nothing. */
function scriptedEngine(answers: Answers, events: Events): Engine {
  const read = async (request: EngineRequest, signal?: AbortSignal): Promise<unknown> => {
    const answer = answers.get(request.path) ?? (() => new Promise<never>(() => undefined))
    return Promise.race([answer(), aborted(signal)])
  }
  return {
    endpoint: { kind: 'tcp', host: '127.0.0.1', port: 1 },
    apiVersion: () => Promise.resolve('1.41'),
    request: (_: EngineRequest, o: CallOptions = {}): Promise<EngineReply> =>
      Promise.resolve(streamReply(events, o.signal)),
    hijack: () => Promise.reject(new Error('not in this test')),
    async readAll(requests: readonly EngineRequest[], onAnswer: OnRead, o: CallOptions = {}) {
      for (const [index, request] of requests.entries()) {
        try {
          onAnswer(index, { isOk: true, value: await read(request, o.signal) })
        } catch (error) {
          if (error instanceof FlotillaError && error.status === undefined) throw error
          onAnswer(index, { isOk: false, error: error as Error })
        }
      }
    },
    close: () => Promise.resolve(),
  }
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

/** Events that an engine tells when it is made to. */
class Events {
  /** What has come and is not taken yet. */
  backlog: Fields[] = []
  #told: (event: Fields) => void = () => undefined
  #next = new Promise<Fields>((resolve) => (this.#told = resolve))

  tell(event: Fields): void {
    const told = this.#told
    this.#next = new Promise((resolve) => (this.#told = resolve))
    told(event)
  }

  async next(signal: AbortSignal | undefined): Promise<IteratorResult<Fields>> {
    const waiting = this.backlog.shift()
    if (waiting !== undefined) return { done: false, value: waiting }
    return { done: false, value: await Promise.race([this.#next, aborted(signal)]) }
  }
}

function streamReply(events: Events, signal: AbortSignal | undefined): EngineReply {
  return {
    status: 200,
    headers: {},
    body: Readable.from([]),
    json: () => Promise.reject(new Error('not in this test')),
    text: () => Promise.resolve('OK'),
    bytes: () => Promise.resolve(Buffer.from('OK')),
    documents: <T>() => ({
      [Symbol.asyncIterator]: () => ({ next: () => events.next(signal) as Promise<IteratorResult<T>> }),
    }),
  }
}

interface Bed {
  readonly watch: EngineWatch
  readonly answers: Answers
  readonly events: Events
  /** What was told, with the state of the container at that moment. */
  readonly told: readonly string[]
}

const watches: EngineWatch[] = []
afterEach(() => {
  for (const watch of watches.splice(0)) watch.close()
})

/** The watch of an engine in service. */
async function start(isHeard = true): Promise<Bed> {
  const answers = makeAnswers()
  const events = new Events()
  const told: string[] = []
  let state = makeEngineState('a:2375', { ...defaultWatchOptions, probeMs: 60_000 })
  const watch: EngineWatch = new EngineWatch({
    engine: scriptedEngine(answers, events),
    isHeard: () => isHeard,
    clock: systemClock,
    gate: new Gate({ clock: systemClock, limit: 4 }),
    readMs: 30_000,
    resolveIp: () => Promise.resolve('127.0.0.1'),
    step(message) {
      const result = reduce(state, message, { nowMs: Date.now(), random: 0.5 })
      state = result.state
      return result.effects.flatMap((effect): readonly Effect[] => {
        if (effect.kind !== 'loaded') return [effect]
        queueMicrotask(() => watch.send({ kind: 'admitted' }))
        return []
      })
    },
    onEffect(effect) {
      if (effect.kind !== 'forward') return
      told.push(`${readText(effect.event, 'Action')} ${state.node.containers[0]?.state ?? 'gone'}`)
    },
  })
  watches.push(watch)
  watch.send({ kind: 'added' })
  await expect.poll(() => state.phase === 'ready' && state.flights.size === 0).toBe(true)
  return { watch, answers, events, told }
}

/** Whether it resolves soon. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  return Promise.race([promise.then(() => true), systemClock.sleep(500).then(() => false)])
}

const container = { what: 'container', id, isInspected: true } as const

describe('who waits for a read', () => {
  it('is told when it has landed', async () => {
    const { watch } = await start()
    expect(await isDone(watch.touch(container))).toBe(true)
  })

  it('waits for nothing once the engine has left', async () => {
    const { watch } = await start()
    watch.close()
    expect(await isDone(watch.touch(container))).toBe(true)
    expect(await isDone(watch.touch({ what: 'containers' }))).toBe(true)
  })

  it('is told when the one under way fails and his own is given up', async () => {
    const { watch, answers } = await start()
    let fail: (error: Error) => void = () => undefined
    answers.set('/containers/json', () => new Promise<never>((_, reject) => (fail = reject)))
    const first = watch.touch(container)
    watch.send({ kind: 'hurried' })
    await systemClock.sleep(10)
    const second = watch.touch(container)
    fail(new FlotillaError('engine/unreachable', 'connection reset'))
    expect(await isDone(first)).toBe(true)
    expect(await isDone(second)).toBe(true)
  })

  it('is told when another begins to read the engine anew', async () => {
    const { watch, answers } = await start()
    answers.set('/info', () => Promise.resolve({ ...info, ID: 'engine-b' }))
    await watch.touch({ what: 'specs' })
    // Out of service, and for a second to come.
    const touched = watch.touch(container)
    watch.send({ kind: 'added' })
    expect(await isDone(touched)).toBe(true)
  })
})

describe('an event', () => {
  const about = (Action: string): Fields => ({ Type: 'container', Action, Actor: { ID: id }, time: 1_700_000_000 })

  function end(answers: Answers, says: () => Promise<unknown>): void {
    answers.set('/containers/json', says)
    answers.set(`/containers/${id}/json`, () =>
      Promise.resolve({ State: { Status: 'exited' }, HostConfig: {}, Config: {} }),
    )
  }

  it('is told when what it is about has been read, and the next one not before it', async () => {
    const { answers, events, told } = await start()
    let answer: () => void = () => undefined
    const answered = new Promise<void>((resolve) => (answer = resolve))
    end(answers, () => answered.then(() => [{ ...row, State: 'exited' }]))
    events.tell(about('die'))
    await systemClock.sleep(1)
    events.tell(about('exec_start: sh'))
    await systemClock.sleep(1)
    expect(told).toEqual([])
    answer()
    await expect.poll(() => told).toEqual(['die exited', 'exec_start: sh exited'])
  })

  it('is told at once where nothing has to be read, or nobody listens', async () => {
    const first = await start()
    first.events.tell(about('top'))
    await expect.poll(() => first.told).toEqual(['top running'])
    const second = await start(false)
    end(second.answers, () => new Promise(() => undefined))
    second.events.tell(about('die'))
    // Who waited for what has to be read would wait for a second.
    await expect.poll(() => second.told, { timeout: 900 }).toEqual(['die running'])
  })

  it('waits a second at most for an engine that does not let itself be read, and not for its end', async () => {
    const { watch, answers, events, told } = await start()
    end(answers, () => new Promise(() => undefined))
    events.tell(about('die'))
    await expect.poll(() => told, { timeout: 5000 }).toEqual(['die running'])
    events.tell(about('destroy'))
    await systemClock.sleep(5)
    watch.close()
    expect(told).toHaveLength(2)
  })

  it('is told in its order also where thousands come at once, and everybody else has a turn meanwhile', async () => {
    const { events, told } = await start()
    const names = Array.from({ length: 3000 }, (_, number) => `exec_start: ${number}`)
    events.backlog = names.slice(1).map(about)
    const turns: number[] = []
    function look(): void {
      turns.push(told.length)
      if (told.length < names.length) setImmediate(look)
    }
    setImmediate(look)
    events.tell(about(names[0] ?? ''))
    await expect.poll(() => told.length).toBe(names.length)
    expect(told).toEqual(names.map((name) => `${name} running`))
    const most = Math.max(...turns.map((count, index) => count - (turns[index - 1] ?? 0)))
    expect(most).toBeLessThanOrEqual(256)
  })
})
