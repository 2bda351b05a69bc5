import { Buffer } from 'node:buffer'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import process from 'node:process'
import { Needle, ReplyReader } from './reply-reader.ts'

/**
 * Clients that list, inspect and ask for the info of a manager, as a process of its own. `lists-process.mjs bare SOURCE`
 * is instead a server that answers every request with what `GET SOURCE` gave once: what no server can do much quicker.
 */

/** What the benchmark wants. */
export interface ListsOrder {
  readonly port: number
  readonly clients: number
  /** Rounds of every client: one list each, then as many inspects of `ids` as there are in `inspects`, then info. */
  readonly rounds: number
  readonly inspects: number
  readonly ids: readonly string[]
  /** From one list of a client to its next; 0: at once. The clients begin spread over it. */
  readonly everyMs: number
  /** Rows that every list must have. Every eighth client counts them, which costs as much as to send them. */
  readonly rows: number
}

/** Milliseconds of every request, and what was wrong. */
export interface ListsReport {
  readonly lists: readonly number[]
  readonly inspects: readonly number[]
  readonly infos: readonly number[]
  readonly problems: readonly string[]
}

const listPath = '/v1.41/containers/json?all=1'
/** In every row once. */
const rowMark = 'Command":'
/** A row is longer. */
const minRowBytes = 500

class Client {
  readonly #socket: Socket
  #reader: ReplyReader | undefined
  #settle: ((error?: Error) => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => {
      if (this.#reader?.push(chunk) === true) this.#settle?.()
    })
    socket.on('error', (error) => this.#settle?.(error))
    socket.on('close', () => this.#settle?.(new Error('the connection was closed')))
  }

  static open(port: number): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => resolve(new Client(socket)))
    })
  }

  /** @returns the head and the body go to `onBody` */
  async get(path: string, onBody: (bytes: Buffer) => void = () => undefined): Promise<ReplyReader> {
    const reader = new ReplyReader(onBody)
    this.#reader = reader
    await new Promise<void>((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve() : reject(error))
      this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: docker\r\n\r\n`, 'latin1')
    })
    this.#settle = undefined
    return reader
  }

  close(): void {
    this.#socket.destroy()
  }
}

interface Results {
  readonly lists: number[]
  readonly inspects: number[]
  readonly infos: number[]
  readonly problems: string[]
}

async function runClient(order: ListsOrder, number: number, results: Results): Promise<void> {
  const { port, rounds, inspects, ids, everyMs, rows } = order
  const client = await Client.open(port)
  const begin = performance.now() + (everyMs * number) / order.clients
  for (let round = 0; round < rounds; round += 1) {
    await pause(begin + round * everyMs - performance.now())
    const needle = new Needle(rowMark)
    const isCounted = number % 8 === 0
    await timed(results.lists, listPath, results, async () => {
      const reply = await client.get(listPath, isCounted ? (bytes) => needle.look(bytes) : undefined)
      if (reply.status === 200 && isCounted && needle.found !== rows) return `${needle.found} of ${rows} rows`
      return reply.bodyBytes < rows * minRowBytes ? `${reply.bodyBytes} bytes` : reply.status
    })
    for (let at = 0; at < inspects; at += 1) {
      const id = ids[(number * 31 + round * 7 + at) % ids.length] ?? ''
      await timed(results.inspects, 'inspect', results, async () => {
        let text = ''
        const { status } = await client.get(`/v1.41/containers/${id}/json`, (bytes) => (text += bytes.toString()))
        return status === 200 && !text.includes(`"Id":"${id}"`) ? `the inspect of another than ${id}` : status
      })
    }
    if (inspects === 0) continue
    await timed(results.infos, 'info', results, async () => (await client.get('/v1.41/info')).status)
  }
  client.close()
}

/** @param ask gives the status, or what is wrong */
async function timed(times: number[], what: string, results: Results, ask: () => Promise<number | string>) {
  const start = performance.now()
  const said = await ask()
  times.push(performance.now() - start)
  if (said !== 200) results.problems.push(`${what}: ${said}`)
}

function pause(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms))
}

async function run(order: ListsOrder): Promise<ListsReport> {
  const results: Results = { lists: [], inspects: [], infos: [], problems: [] }
  const clients = Array.from({ length: order.clients }, (_, number) => runClient(order, number, results))
  for (const { reason } of (await Promise.allSettled(clients)).filter((each) => each.status === 'rejected')) {
    results.problems.push(String(reason))
  }
  return results
}

async function serveBare(source: number): Promise<number> {
  const client = await Client.open(source)
  const parts: Buffer[] = []
  await client.get(listPath, (bytes) => parts.push(Buffer.from(bytes)))
  client.close()
  const body = Buffer.concat(parts)
  const head = Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
  )
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', () => {
      socket.write(head)
      socket.write(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

const [role, source] = process.argv.slice(2)
process.on('disconnect', () => process.exit(0))
if (role === 'bare') process.send?.(await serveBare(Number(source)))
else {
  process.on('message', (order: ListsOrder) => void run(order).then((report) => process.send?.(report)))
  process.send?.('ready')
}
