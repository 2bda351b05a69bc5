import type { Writable } from 'node:stream'

/** Bytes that may wait for a slow reader, a pager for instance. */
const maxWaiting = 64 * 1024

/**
 * Whoever writes a lot asks after each piece: what nobody takes would fill the memory.
 *
 * @returns nothing where there is room, else what resolves once there is, or once nothing can be written any more
 */
export function waitForRoom(streams: readonly Writable[]): Promise<void> | undefined {
  const full = streams.filter((stream) => stream.writableLength > maxWaiting && !stream.destroyed)
  if (full.length === 0) return undefined
  return Promise.all(full.map(untilDrained)).then(() => {})
}

/** Until a stream that has said it is full takes more, or nothing can be written to it any more. */
export function untilDrained(stream: Writable): Promise<void> {
  if (stream.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, done)
      resolve()
    }
    for (const event of ['drain', 'close', 'error']) stream.on(event, done)
  })
}
