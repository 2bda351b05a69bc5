import { describe, expect, it } from 'vitest'
import { manualClock } from '../../testing/manual-clock.ts'
import { EventWriter } from './event-writer.ts'

class Sink {
  readonly writes: string[] = []
  isReady = true
  waitingBytes = 0
  /** The client takes what is older than the last so many bytes. */
  lag = Infinity

  write(text: string): boolean {
    this.writes.push(text)
    this.waitingBytes = this.isReady ? 0 : Math.min(this.lag, this.waitingBytes + text.length)
    return this.isReady
  }
}

function makeWriter(): { writer: EventWriter; sink: Sink; clock: ReturnType<typeof manualClock> } {
  const sink = new Sink()
  const clock = manualClock()
  return { sink, clock, writer: new EventWriter(sink, clock, () => true) }
}

function event(number: number): Readonly<Record<string, unknown>> {
  return { Action: 'start', Actor: { ID: `c${number}` }, timeNano: number }
}

function idsOf(sink: Sink): readonly string[] {
  const lines = sink.writes.join('').split('\n').filter(Boolean)
  return lines.map((line) => {
    const { Actor, Action } = JSON.parse(line) as { readonly Actor?: { readonly ID: string }; readonly Action: string }
    return Actor?.ID ?? Action
  })
}

describe('an event stream', () => {
  it('passes the first event on at once, and a storm in few pieces and in order', async () => {
    const { writer, sink, clock } = makeWriter()
    writer.open()
    writer.offer(event(0))
    expect(sink.writes).toHaveLength(1)
    for (let at = 1; at < 100; at += 1) writer.offer(event(at))
    expect(sink.writes).toHaveLength(1)
    await clock.advance(5)
    expect(sink.writes).toHaveLength(2)
    expect(idsOf(sink)).toEqual(Array.from({ length: 100 }, (_, at) => `c${at}`))
  })

  it('tells the past first, and what comes meanwhile once', () => {
    const { writer, sink } = makeWriter()
    writer.offer(event(2))
    writer.offer(event(3))
    writer.replay(event(1))
    writer.replay(event(2))
    writer.open()
    writer.close()
    expect(idsOf(sink)).toEqual(['c1', 'c2', 'c3'])
  })

  it('what was told of the past and is still on its way as new is told once', async () => {
    const { writer, sink, clock } = makeWriter()
    writer.replay(event(1))
    writer.open()
    await clock.advance(1000)
    writer.offer(event(1))
    writer.offer(event(2))
    await clock.advance(1100)
    expect(idsOf(sink)).toEqual(['c1', 'c2'])
    writer.close()
    expect(clock.sleeping).toBe(0)
  })

  it('drops a subscriber that does not keep up, with a last word', async () => {
    const { writer, sink, clock } = makeWriter()
    writer.open()
    sink.isReady = false
    for (let at = 0; at < 10_002; at += 1) writer.offer(event(at))
    await clock.advance(5)
    expect(writer.isDropped).toBe(false)
    await clock.advance(1000)
    expect(JSON.parse(sink.writes.at(-1) ?? '')).toEqual({
      status: 'subscriber_dropped',
      Type: 'swarm',
      Action: 'subscriber_dropped',
      message: 'more than 10000 events or 16777216 bytes were waiting',
    })
    await writer.ended(new AbortController().signal)
    const told = sink.writes.length
    writer.offer(event(1))
    writer.close()
    expect(sink.writes).toHaveLength(told)
  })

  it('drops a subscriber for which few but huge events wait', async () => {
    const { writer, sink, clock } = makeWriter()
    writer.open()
    sink.isReady = false
    const label = 'x'.repeat(1024 * 1024)
    for (let at = 0; at < 20; at += 1) {
      writer.offer({ ...event(at), label })
      await clock.advance(5)
    }
    expect(idsOf(sink)).toEqual([...Array.from({ length: 16 }, (_, at) => `c${at}`), 'subscriber_dropped'])
  })

  it('keeps a subscriber that is always a little behind, however long', async () => {
    const { writer, sink, clock } = makeWriter()
    writer.open()
    sink.isReady = false
    sink.lag = 100_000
    for (let at = 0; at < 50_000; at += 1) {
      writer.offer(event(at))
      if (at % 100 === 0) await clock.advance(5)
    }
    await clock.advance(5)
    expect(idsOf(sink)).toEqual(Array.from({ length: 50_000 }, (_, at) => `c${at}`))
    sink.lag = Infinity
    for (let at = 0; at < 11_000; at += 1) {
      writer.offer(event(at))
      if (at % 100 === 0) await clock.advance(5)
    }
    await clock.advance(1000)
    expect(idsOf(sink).at(-1)).toBe('subscriber_dropped')
  })

  it('drops nobody for what came in one moment, as after a pause of the manager, and is read then', async () => {
    const { writer, sink, clock } = makeWriter()
    writer.open()
    sink.isReady = false
    for (let burst = 0; burst < 3; burst += 1) {
      for (let at = 0; at < 12_000; at += 1) writer.offer(event(burst * 12_000 + at))
      await clock.advance(5)
      // The client takes it as soon as the connection has its turn.
      sink.waitingBytes = 0
      await clock.advance(2000)
    }
    expect(idsOf(sink)).toEqual(Array.from({ length: 36_000 }, (_, at) => `c${at}`))
    writer.close()
    expect(clock.sleeping).toBe(0)
  })

  it('says when the past comes too fast, and drops nobody who reads it', () => {
    const { writer, sink } = makeWriter()
    let pauses = 0
    for (let at = 0; at < 30_000; at += 1) {
      sink.isReady = false
      if (writer.replay(event(at))) continue
      pauses += 1
      // The client has read all that waited.
      sink.waitingBytes = 0
      sink.isReady = true
    }
    writer.open()
    writer.close()
    expect(pauses).toBeGreaterThan(100)
    expect(idsOf(sink)).toEqual(Array.from({ length: 30_000 }, (_, at) => `c${at}`))
  })
})
