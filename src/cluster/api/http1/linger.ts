import type { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'

const lingerSeconds = 2
const lingerBytes = 256 * 1024

/**
 * The end of a connection on which nothing more is served. What is queued is still sent; then the client gets a moment to
 * close its side. Closed at once, a socket with bytes nobody has read takes the last reply away from the client (RFC 9112
 * §9.6): until then bytes that come are thrown away, as long as they are few.
 */
export class Linger {
  readonly #socket: Socket
  #bytes = 0
  /** Tick. */
  #since: number

  /** @param unreadMs for how long the client may take nothing of what is queued; Node counts bytes that leave as activity */
  constructor(socket: Socket, unreadMs: number, tick: number) {
    this.#socket = socket
    this.#since = tick
    socket.setTimeout(unreadMs, () => socket.destroy())
    socket.end()
  }

  receive(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes >= lingerBytes) this.#socket.destroy()
  }

  /** Called about once a second. */
  sweep(tick: number): void {
    if (this.#socket.writableLength > 0) this.#since = tick
    else if (tick - this.#since >= lingerSeconds) this.#socket.destroy()
  }
}
