import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import process from 'node:process'
import { endProgram, logBytes } from './fake-programs.ts'
import { ReplyReader } from './reply-reader.ts'

/**
 * Many raw and followed streams of a manager at once, as a process of its own: attach, exec and logs in turn. Each order is one
 * round; all streams of a round are open at the same time before the first one ends.
 */
export interface StreamsOrder {
  readonly port: number
  readonly streams: number
  /** To each container that gives back what it is sent. */
  readonly echoes: readonly string[]
  readonly talkers: readonly string[]
  readonly bytesEach: number
}

export interface StreamsReport {
  readonly bytes: number
  readonly problems: readonly string[]
}

const limitMs = 120_000
/** More connections than one address may have. */
const addresses = 8

function open(port: number, number: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const localAddress = `127.0.0.${2 + (number % addresses)}`
    const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true, allowHalfOpen: true })
    const limit = setTimeout(() => socket.destroy(new Error('took too long')), limitMs)
    socket.once('close', () => clearTimeout(limit))
    socket.once('error', reject)
    socket.once('connect', () => resolve(socket))
  })
}

/** One exchange whose reply is read whole. */
async function ask(port: number, number: number, method: string, path: string, body: string): Promise<string> {
  const socket = await open(port, number)
  let text = ''
  const reader = new ReplyReader((bytes) => (text += bytes.toString()))
  const type = body === '' ? '' : 'Content-Type: application/json\r\n'
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: d\r\n${type}Content-Length: ${body.length}\r\n\r\n${body}`)
  await new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk) => {
      if (reader.push(chunk)) resolve()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`${path}: closed`)))
  })
  socket.destroy()
  if (reader.status >= 400) throw new Error(`${path}: ${reader.status} ${text}`)
  return text
}

/** A connection that has left HTTP; `rest` are the bytes behind the head. */
interface Raw {
  readonly socket: Socket
  readonly rest: Buffer
}

async function upgrade(port: number, number: number, path: string, body: string): Promise<Raw> {
  const socket = await open(port, number)
  const type = body === '' ? '' : 'Content-Type: application/json\r\n'
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n${type}Content-Length: ${body.length}\r\n\r\n${body}`,
  )
  return new Promise((resolve, reject) => {
    let got = Buffer.alloc(0)
    function read(chunk: Buffer): void {
      got = Buffer.concat([got, chunk])
      const end = got.indexOf('\r\n\r\n')
      if (end < 0) return
      socket.off('data', read)
      socket.pause()
      const head = got.toString('latin1', 0, end)
      if (head.startsWith('HTTP/1.1 101')) resolve({ socket, rest: got.subarray(end + 4) })
      else reject(new Error(`${path}: ${head.split('\r\n')[0]}`))
    }
    socket.on('data', read)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`${path}: closed`)))
  })
}

/** Takes the headers out of multiplexed output. */
class Frames {
  readonly #hash = createHash('sha256')
  #pending: Buffer = Buffer.alloc(0)
  bytes = 0

  push(chunk: Buffer): void {
    let all = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    while (all.length >= 8) {
      const length = all.readUInt32BE(4)
      if (all.length < 8 + length) break
      this.#hash.update(all.subarray(8, 8 + length))
      this.bytes += length
      all = all.subarray(8 + length)
    }
    this.#pending = all
  }

  digest(): string {
    return this.#pending.length === 0 ? this.#hash.digest('hex') : 'ends in the middle of a frame'
  }
}

/** A stream that is open, and what has to be done with it. @returns bytes that came, or what is wrong */
type Opened = () => Promise<number | string>

/** Exec: bytes there and back, our half-close ends it, its exit code is the one it was told. */
async function openExec(order: StreamsOrder, number: number): Promise<Opened> {
  const { port, echoes, bytesEach } = order
  const code = number % 100
  const create = { AttachStdin: true, AttachStdout: true, Cmd: [endProgram, String(code)] }
  const path = `/v1.41/containers/${echoes[number % echoes.length]}/exec`
  const { Id } = JSON.parse(await ask(port, number, 'POST', path, JSON.stringify(create))) as { readonly Id: string }
  const raw = await upgrade(port, number, `/v1.41/exec/${Id}/start`, '{"Detach":false,"Tty":false}')
  return async () => {
    const told = await exchange(raw, Buffer.alloc(bytesEach, number % 251), true)
    if (typeof told === 'string') return `exec: ${told}`
    const after = JSON.parse(await ask(port, number, 'GET', `/v1.41/exec/${Id}/json`, '')) as {
      readonly ExitCode: number
    }
    return after.ExitCode === code ? told : `exec: exit code ${after.ExitCode} instead of ${code}`
  }
}

/** Sends bytes, reads the same back, and ends with a half-close from either side. */
function exchange({ socket, rest }: Raw, sent: Buffer, isEnded: boolean): Promise<number | string> {
  return new Promise((resolve) => {
    const frames = new Frames()
    frames.push(rest)
    let hasEnded = false
    socket.on('data', (chunk) => frames.push(chunk))
    socket.on('end', () => (hasEnded = true))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      const isSame = frames.bytes === sent.length && frames.digest() === createHash('sha256').update(sent).digest('hex')
      if (!isSame) resolve(`${frames.bytes} of ${sent.length} bytes, or others`)
      else resolve(hasEnded ? frames.bytes : 'no half-close from the engine')
    })
    socket.on('end', () => socket.end())
    socket.write(sent)
    if (isEnded) socket.end()
    socket.resume()
  })
}

/** Attach: the output of a container goes to all who are attached, so only what is read is looked at; we leave. */
async function openAttach(order: StreamsOrder, number: number): Promise<Opened> {
  const path = `/v1.41/containers/${order.talkers[number % order.talkers.length]}/attach?stream=1&stdout=1&logs=1`
  const { socket, rest } = await upgrade(order.port, number, path, '')
  // A mere end would be that of the input: the output of the container could go on for ever, here as at an engine, until the
  // connection is found to be dead.
  return () => readFrames(socket, rest, (socket) => socket.resetAndDestroy(), 'attach')
}

/** Logs that are followed: the engine goes on until we leave. */
async function openLogs(order: StreamsOrder, number: number): Promise<Opened> {
  const path = `/v1.41/containers/${order.talkers[number % order.talkers.length]}/logs?stdout=1&follow=1`
  const socket = await open(order.port, number)
  socket.pause()
  socket.write(`GET ${path} HTTP/1.1\r\nHost: d\r\n\r\n`)
  return () => {
    const frames = new Frames()
    const reader = new ReplyReader((bytes) => frames.push(bytes))
    return new Promise((resolve) => {
      socket.on('data', (chunk) => {
        reader.push(chunk)
        if (frames.bytes >= logBytes) socket.destroy()
      })
      socket.on('error', () => undefined)
      socket.on('close', () =>
        resolve(frames.bytes === logBytes ? logBytes : `logs: ${frames.bytes} of ${logBytes} bytes`),
      )
      socket.resume()
    })
  }
}

function readFrames(
  socket: Socket,
  rest: Buffer,
  leave: (socket: Socket) => void,
  what: string,
): Promise<number | string> {
  const frames = new Frames()
  frames.push(rest)
  return new Promise((resolve) => {
    function look(): void {
      if (frames.bytes >= logBytes) leave(socket)
    }
    socket.on('data', (chunk) => {
      frames.push(chunk)
      look()
    })
    socket.on('error', () => undefined)
    socket.on('end', () => socket.end())
    socket.on('close', () =>
      resolve(frames.bytes === logBytes ? logBytes : `${what}: ${frames.bytes} of ${logBytes} bytes`),
    )
    socket.resume()
    look()
  })
}

async function run(order: StreamsOrder): Promise<StreamsReport> {
  const kinds = [openExec, openAttach, openLogs, openExec] as const
  const problems: string[] = []
  const opened = await Promise.allSettled(
    Array.from({ length: order.streams }, (_, number) => (kinds[number % kinds.length] ?? openExec)(order, number)),
  )
  let bytes = 0
  await Promise.all(
    opened.map(async (each) => {
      const said = each.status === 'rejected' ? String(each.reason) : await each.value().catch(String)
      if (typeof said === 'string') problems.push(said)
      else bytes += said
    }),
  )
  return { bytes, problems }
}

process.on('message', (order: StreamsOrder) => void run(order).then((report) => process.send?.(report)))
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
