import { PassThrough } from 'node:stream'
import type { Exchange } from '../http1/exchange.ts'

/**
 * One request body as several streams with the same bytes. The client is heard no faster than the slowest reader
 * that is still there; a reader that is destroyed is left behind.
 */
export function fanOutBody(exchange: Exchange, count: number): readonly PassThrough[] {
  const streams = Array.from({ length: count }, () => new PassThrough())
  const resume = (): void => {
    if (!streams.some((stream) => isFull(stream))) exchange.connection.resumeBody()
  }
  for (const stream of streams) {
    stream.on('drain', resume)
    stream.on('close', resume)
    stream.on('error', () => undefined)
  }
  exchange.onGone(() => {
    for (const stream of streams) stream.destroy(new Error('client closed the connection'))
  })
  exchange.consume({
    data(chunk) {
      for (const stream of streams) if (!stream.destroyed) stream.write(chunk)
      return !streams.some((stream) => isFull(stream))
    },
    end() {
      for (const stream of streams) if (!stream.destroyed) stream.end()
    },
  })
  return streams
}

function isFull(stream: PassThrough): boolean {
  return !stream.destroyed && stream.writableNeedDrain
}
