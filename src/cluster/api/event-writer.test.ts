import { describe, expect, it } from 'vitest'
import { manualClock } from '../../testing/manual-clock.ts'
import { EventWriter } from './event-writer.ts'

class Sink {
  readonly writes: string[] = []
  isReady = true

  write(text: string): boolean {
    this.writes.push(text)
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

  it('drops a subscriber that does not keep up, with a last word', async () => {
    const { writer, sink, clock } = makeWriter()
    writer.open()
    sink.isReady = false
    for (let at = 0; at < 10_002; at += 1) writer.offer(event(at))
    await clock.advance(5)
    expect(JSON.parse(sink.writes.at(-1) ?? '')).toEqual({
      status: 'subscriber_dropped',
      Type: 'swarm',
      Action: 'subscriber_dropped',
      message: 'more than 10000 events were waiting',
    })
    await writer.ended(new AbortController().signal)
    const told = sink.writes.length
    writer.offer(event(1))
    writer.close()
    expect(sink.writes).toHaveLength(told)
  })
})
