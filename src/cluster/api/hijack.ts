import type { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'

/** Seconds a client may keep its side open after the engine has ended its own and nothing moves any more. */
const endedSeconds = 60

/** Two joined raw connections. */
export interface Joined {
  /** Called about once a second. */
  sweep(): void
  /** Cuts both. */
  destroy(): void
}

export interface JoinOptions {
  readonly client: Duplex
  readonly engine: Duplex
  /** Bytes that came with the heads and belong to the other side. */
  readonly fromClient: Buffer | undefined
  readonly fromEngine: Buffer | undefined
  /** The client had ended its side before. */
  readonly hasClientEnded: boolean
  onClosed(): void
}

/**
 * Joins two connections into one stream of raw bytes.
 *
 * The end of either side is passed on as the end of one direction only: clients close their input and then
 * read the rest of the output. A slow reader slows the writer; a broken connection breaks the other.
 */
export function joinStreams(o: JoinOptions): Joined {
  const { client, engine } = o
  let quietSeconds = 0
  let isClosed = false
  function destroy(): void {
    client.destroy()
    engine.destroy()
  }
  function closed(): void {
    if (!client.destroyed || !engine.destroyed || isClosed) return
    isClosed = true
    o.onClosed()
  }
  function follow(from: Duplex, to: Duplex): void {
    from.on('error', destroy)
    from.on('close', () => {
      // Closed without an end: broken. Closed after it: the other side has been told, and may finish.
      if (!from.readableEnded) to.destroy()
      else if (!to.writableEnded) to.end()
      // Both directions are done once the side that closed can take nothing more.
      if (!from.writableFinished) to.destroy()
      closed()
    })
    from.on('data', () => {
      quietSeconds = 0
    })
    from.pipe(to)
  }
  if (o.fromEngine !== undefined && o.fromEngine.length > 0) client.write(o.fromEngine)
  if (o.fromClient !== undefined && o.fromClient.length > 0) engine.write(o.fromClient)
  follow(client, engine)
  follow(engine, client)
  if (o.hasClientEnded) engine.end()
  client.resume()
  engine.resume()
  return {
    sweep() {
      quietSeconds += 1
      if (engine.readableEnded && quietSeconds > endedSeconds) destroy()
    },
    destroy,
  }
}
