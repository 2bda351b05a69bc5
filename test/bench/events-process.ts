import { connect } from 'node:net'
import process from 'node:process'

/**
 * Subscribers of a manager's events, as a process of its own: `events-process.mjs PORT SUBSCRIBERS ENGINES`. Each order says
 * how many events were told; the answer says what was heard.
 */
export interface EventsOrder {
  readonly told: number
  /** Who has not heard all by then has lost what is missing. */
  readonly withinMs: number
}

export interface EventsReport {
  readonly problems: readonly string[]
}

/** What one subscriber heard: how many, and the last number of every engine. */
class Subscriber {
  readonly #last: Int32Array
  readonly #name: string
  #rest = ''
  heard = 0
  outOfOrder = 0
  end: string | undefined

  constructor(name: string, engines: number) {
    this.#name = name
    this.#last = new Int32Array(engines).fill(-1)
  }

  open(port: number): Promise<void> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.on('error', (error) => (this.end = error.message))
    socket.on('close', () => (this.end ??= 'closed'))
    socket.write('GET /v1.41/events HTTP/1.1\r\nHost: d\r\n\r\n')
    return new Promise((resolve) => {
      socket.once('data', () => {
        socket.on('data', (chunk) => this.#read(chunk))
        resolve()
      })
    })
  }

  #read(chunk: Buffer): void {
    const text = this.#rest + chunk.toString('latin1')
    const cut = text.lastIndexOf('\n') + 1
    this.#rest = text.slice(cut)
    if (text.includes('"subscriber_dropped"')) this.end = 'dropped'
    for (const match of text.slice(0, cut).matchAll(/"Action":"exec_start: (\d+)"/g)) this.#note(Number(match[1]))
  }

  #note(number: number): void {
    const engine = number % this.#last.length
    this.heard += 1
    const expected = (this.#last[engine] ?? -1) < 0 ? engine : (this.#last[engine] ?? 0) + this.#last.length
    if (number !== expected) this.outOfOrder += 1
    this.#last[engine] = number
  }

  problems(told: number): readonly string[] {
    const found: string[] = []
    if (this.heard !== told) found.push(`${this.#name} heard ${this.heard} of ${told}`)
    if (this.outOfOrder > 0) found.push(`${this.#name}: ${this.outOfOrder} not next in the order of their engine`)
    if (this.end !== undefined) found.push(`${this.#name}: ${this.end}`)
    return found
  }
}

const [port = 0, subscribers = 0, engines = 0] = process.argv.slice(2).map(Number)
const all = Array.from({ length: subscribers }, (_, index) => new Subscriber(`subscriber ${index}`, engines))
await Promise.all(all.map((each) => each.open(port)))

async function check({ told, withinMs }: EventsOrder): Promise<EventsReport> {
  const end = performance.now() + withinMs
  while (all.some((each) => each.heard < told) && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return { problems: all.flatMap((each) => each.problems(told)) }
}

process.on('message', (order: EventsOrder) => void check(order).then((report) => process.send?.(report)))
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
