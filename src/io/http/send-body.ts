import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import type { ByteSource } from './request.ts'

/** The body of a request could not be read; `cause` is why. Nothing is wrong with the peer. */
export class SourceError extends Error {}

const bodyCloser = Buffer.from('0\r\n\r\n')
/** A body below this goes out in one piece with the head. */
const joinBytes = 16 * 1024

/** Sends a head with the body that is there already. */
export function sendWhole(socket: Duplex, head: string, body: Buffer | undefined): void {
  if (body === undefined) socket.write(head, 'latin1')
  else if (body.length < joinBytes) {
    const whole = Buffer.allocUnsafe(head.length + body.length)
    whole.write(head, 0, 'latin1')
    body.copy(whole, head.length)
    socket.write(whole)
  } else {
    socket.write(head, 'latin1')
    socket.write(body)
  }
}

/**
 * Sends a body as it comes, in chunks, no faster than the peer takes it.
 *
 * @param isWanted asked before each piece: the peer may answer, usually with an error, before it has read everything
 * @returns whether it went out to its end
 * @throws {SourceError} when it cannot be read
 */
export async function sendSource(socket: Duplex, source: ByteSource, isWanted: () => boolean): Promise<boolean> {
  for await (const piece of readSource(source)) {
    if (!isWanted()) return false
    const data = typeof piece === 'string' ? Buffer.from(piece) : piece
    if (data.length === 0) continue
    // In one piece: over TLS each of the three would be a record of its own.
    socket.cork()
    socket.write(`${data.length.toString(16)}\r\n`, 'latin1')
    socket.write(data)
    const hasRoom = socket.write('\r\n', 'latin1')
    socket.uncork()
    if (!hasRoom) await drain(socket)
  }
  if (!isWanted()) return false
  socket.write(bodyCloser)
  return true
}

function drain(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    function done(): void {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    if (socket.destroyed) resolve()
    else {
      socket.on('drain', done)
      socket.on('close', done)
    }
  })
}

async function* readSource(source: ByteSource): AsyncGenerator<Uint8Array | string, void> {
  try {
    for await (const piece of source) {
      if (typeof piece !== 'string' && !(piece instanceof Uint8Array)) {
        throw new TypeError('a stream to send must yield bytes or text')
      }
      yield piece
    }
  } catch (error) {
    throw new SourceError('the body of the request could not be read', { cause: error })
  }
}
