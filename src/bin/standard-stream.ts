import { fstatSync, statSync, writeSync } from 'node:fs'
import process from 'node:process'

type WriteStream = NodeJS.WriteStream
type ErrorHandler = (error: Error) => void
type WriteCallback = (error?: Error | null) => void

/** What is written directly, at most: a pipe takes more than this before anybody reads, so it is never waited for. */
const directBytes = 32 * 1024

/**
 * Stands in for `process.stdout` or `process.stderr` until more than a few lines and failures are asked of it.
 *
 * Opening the stream itself loads the stream, file and terminal modules of the runtime, which a command that prints one
 * line can do without (docs/decisions/0037). Whatever is neither a short `write` nor a listener for errors opens it, and from then
 * on everything goes through it. What it has not taken yet is counted here all the same: the streams of Bun always tell of
 * an empty one, and call back for an empty write at once, whatever still waits before it. Whoever went by that would exit
 * in the middle of the output, where its reader is slow.
 */
export function standInFor(fd: number, open: () => WriteStream): WriteStream {
  return new Proxy(new DirectOutput(fd, open) as unknown as WriteStream, handler)
}

/** Whether a terminal is behind a descriptor. The module that knows loads streams too: it is asked only where one can be. */
export function isTerminal(fd: number): boolean {
  try {
    const status = fstatSync(fd)
    if (!status.isCharacterDevice() || status.rdev === statSync('/dev/null', { throwIfNoEntry: false })?.rdev)
      return false
    return process.getBuiltinModule('node:tty').isatty(fd)
  } catch {
    return false
  }
}

const handler: ProxyHandler<WriteStream> = {
  get(target, key) {
    const output = target as unknown as DirectOutput
    if (isAnswered(key) && (output.opened === undefined || isCounted(key))) {
      const own: unknown = Reflect.get(output, key)
      return typeof own === 'function' ? own.bind(output) : own
    }
    const stream = output.open()
    const value: unknown = Reflect.get(stream, key, stream)
    return typeof value === 'function' ? value.bind(stream) : value
  },
  set: (target, key, value) => Reflect.set((target as unknown as DirectOutput).open(), key, value),
  has: (target, key) => Reflect.has((target as unknown as DirectOutput).open(), key),
  getPrototypeOf: (target) => Reflect.getPrototypeOf((target as unknown as DirectOutput).open()),
}

/** What the stand-in does and tells by itself. */
const answered = ['write', 'on', 'isTTY', 'destroyed', 'writableLength'] as const

function isAnswered(key: string | symbol): key is (typeof answered)[number] {
  return (answered as readonly (string | symbol)[]).includes(key)
}

/** Of that, what goes on to be answered here when the stream is open. */
function isCounted(key: (typeof answered)[number]): boolean {
  return key === 'write' || key === 'writableLength'
}

/** A piece that the stream was given and has not called back for, or that one before it waits for. */
interface Sent {
  readonly done: WriteCallback | undefined
  /** Bytes there was no room for. */
  waiting: number
  isOver: boolean
  error: Error | null | undefined
}

class DirectOutput {
  opened: WriteStream | undefined
  readonly destroyed = false
  readonly #fd: number
  readonly #open: () => WriteStream
  readonly #onError: ErrorHandler[] = []
  #left = directBytes
  /** In the order in which it was written. */
  readonly #sent: Sent[] = []
  #waiting = 0

  constructor(fd: number, open: () => WriteStream) {
    this.#fd = fd
    this.#open = open
  }

  get isTTY(): boolean {
    return isTerminal(this.#fd)
  }

  get writableLength(): number {
    return Math.max(this.#waiting, this.opened?.writableLength ?? 0)
  }

  open(): WriteStream {
    if (this.opened === undefined) {
      this.opened = this.#open()
      for (const handle of this.#onError) this.opened.on('error', handle)
    }
    return this.opened
  }

  on(event: string, handle: (...args: unknown[]) => void): unknown {
    if (event !== 'error') return this.open().on(event, handle)
    this.#onError.push(handle)
    return this
  }

  write(data: string | Uint8Array, ...rest: readonly unknown[]): boolean {
    const done = rest.find((item) => typeof item === 'function') as WriteCallback | undefined
    const encoding = rest.find((item) => typeof item === 'string') as BufferEncoding | undefined
    let bytes = typeof data === 'string' ? Buffer.from(data, encoding) : data
    if (this.opened !== undefined || bytes.length > this.#left) return this.#send(bytes, done)
    try {
      while (bytes.length > 0) {
        const taken = writeSync(this.#fd, bytes)
        this.#left -= taken
        bytes = bytes.subarray(taken)
      }
    } catch (error) {
      // A descriptor that somebody made non-blocking, and full: the stream waits until it takes more.
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return this.#send(bytes, done)
      // The next one is tried all the same: a full disk may have room again.
      queueMicrotask(() => {
        for (const handle of this.#onError) handle(error as Error)
      })
      return this.#tell(error as Error, done)
    }
    return this.#tell(undefined, done)
  }

  #send(bytes: Uint8Array, done: WriteCallback | undefined): boolean {
    const piece: Sent = { done, waiting: 0, isOver: false, error: undefined }
    this.#sent.push(piece)
    const hasRoom = this.open().write(bytes, (error) => {
      piece.isOver = true
      piece.error = error
      this.#waiting -= piece.waiting
      this.#callBack()
    })
    // Only where there is no room: then a `drain` is sure to come, for which whoever finds too much waiting waits.
    if (!hasRoom && !piece.isOver) {
      piece.waiting = bytes.length
      this.#waiting += bytes.length
    }
    return hasRoom
  }

  #callBack(): void {
    while (this.#sent[0]?.isOver === true) {
      const piece = this.#sent.shift()
      piece?.done?.(piece.error)
    }
  }

  #tell(failure: Error | undefined, done: WriteCallback | undefined): boolean {
    if (done !== undefined) queueMicrotask(() => done(failure))
    return failure === undefined
  }
}
