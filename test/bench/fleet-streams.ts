import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { Row } from './bench.ts'
import type { FleetProcess, ManagerProcess } from './fleet-manager.ts'
import { RawClient } from './raw-client.ts'

const streams = 500
const rounds = 3
const bytesEach = 32 * 1024

/** More connections than one address may have. */
function open(port: number, number: number): Socket {
  const localAddress = `127.0.0.${2 + (number % 4)}`
  return connect({ port, host: '127.0.0.1', localAddress, noDelay: true, allowHalfOpen: true })
}

/**
 * Many attached streams at once, several times over: every byte comes back, the half-close passes both ways, and
 * nothing of them is left.
 */
export async function benchStreams(fleet: FleetProcess, manager: ManagerProcess): Promise<readonly Row[]> {
  const ids = (await fleet.report()).containers.slice(0, 50).map((each) => each.id)
  let wrong = await attachAll(manager, ids)
  await settle(manager)
  const before = { descriptors: manager.descriptors(), rss: manager.rssMb() }
  for (let round = 0; round < rounds; round += 1) wrong += await attachAll(manager, ids)
  await settle(manager)
  return [
    {
      name: `${streams} attached streams, ${rounds} times: cut short or changed`,
      value: wrong,
      unit: 'streams',
      mark: '0',
    },
    {
      name: `${streams} attached streams, descriptors left over`,
      value: manager.descriptors() - before.descriptors,
      unit: '',
      mark: '<= 10',
    },
    {
      name: `${streams} attached streams, memory left over`,
      value: manager.rssMb() - before.rss,
      unit: 'MB',
      mark: '<= 64',
    },
  ]
}

function settle(manager: ManagerProcess): Promise<void> {
  const start = performance.now()
  let before = -1
  return new Promise((resolve) => {
    function look(): void {
      const now = manager.descriptors()
      if (now === before || performance.now() - start > 5000) resolve()
      else {
        before = now
        setTimeout(look, 300)
      }
    }
    setTimeout(look, 300)
  })
}

/** @returns how many did not give back what they were given */
async function attachAll(manager: ManagerProcess, ids: readonly string[]): Promise<number> {
  const results = await Promise.all(
    Array.from({ length: streams }, (_, number) => attach(manager.port, ids[number % ids.length] ?? '', number)),
  )
  return results.filter((isRight) => !isRight).length
}

function attach(port: number, id: string, number: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = open(port, number)
    const sent = Buffer.alloc(bytesEach, String.fromCharCode(97 + (number % 26)))
    let got = Buffer.alloc(0)
    let isRaw = false
    const limit = setTimeout(() => socket.destroy(), 30_000)
    socket.on('connect', () => {
      socket.write(
        `POST /v1.41/containers/${id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n`,
      )
    })
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk])
      const end = isRaw ? -1 : got.indexOf('\r\n\r\n')
      if (end < 0) return
      isRaw = true
      got = got.subarray(end + 4)
      socket.end(sent)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(limit)
      resolve(got.equals(sent))
    })
  })
}

const stormMs = 4000
const perSecond = 5000
const subscribers = 4

/** A storm of events with several subscribers, while somebody asks for something small all the time. */
export async function benchStorm(fleet: FleetProcess, manager: ManagerProcess): Promise<readonly Row[]> {
  const heard = await Promise.all(Array.from({ length: subscribers }, () => subscribe(manager.port)))
  const client = await RawClient.open(manager.port)
  const times: number[] = []
  const over = new AbortController()
  const asking = (async (): Promise<void> => {
    while (!over.signal.aborted) {
      times.push((await client.ask('GET', '/_ping')).ms)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  const cpuBefore = manager.cpuMs()
  const told = await fleet.storm(perSecond, stormMs)
  const limit = performance.now() + 5000
  while (heard.some((each) => each.numbers.length < told) && performance.now() < limit) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  over.abort()
  await asking
  client.close()
  for (const each of heard) each.socket.destroy()
  times.sort((a, b) => a - b)
  const wrong = heard.reduce((sum, each) => sum + countWrong(each.numbers, told, fleet.addresses.length), 0)
  return [
    {
      name: `${perSecond} events/s, ${subscribers} subscribers: lost, doubled or out of order`,
      value: wrong,
      unit: 'events',
      mark: '0',
    },
    {
      name: `${perSecond} events/s, manager CPU per event`,
      value: ((manager.cpuMs() - cpuBefore) * 1000) / told,
      unit: 'µs',
    },
    {
      name: `${perSecond} events/s, _ping meanwhile p99`,
      value: times[Math.floor(times.length * 0.99)] ?? 0,
      unit: 'ms',
      mark: '<= 50',
    },
  ]
}

interface Heard {
  readonly socket: Socket
  /** Of the events, in the order they came. */
  readonly numbers: number[]
}

async function subscribe(port: number): Promise<Heard> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const numbers: number[] = []
  let rest = ''
  socket.write('GET /v1.41/events HTTP/1.1\r\nHost: d\r\n\r\n')
  await new Promise<void>((resolve) => socket.once('data', () => resolve()))
  socket.on('data', (chunk) => {
    rest += chunk.toString('latin1')
    const cut = rest.lastIndexOf('\n') + 1
    for (const match of rest.slice(0, cut).matchAll(/"Action":"exec_start: (\d+)"/g)) numbers.push(Number(match[1]))
    rest = rest.slice(cut)
  })
  socket.on('error', () => undefined)
  return { socket, numbers }
}

/** Each event once, those of one engine in its order. */
function countWrong(numbers: readonly number[], told: number, engines: number): number {
  const last = new Map<number, number>()
  let wrong = Math.abs(told - numbers.length)
  for (const number of numbers) {
    const engine = number % engines
    if (number <= (last.get(engine) ?? -1)) wrong += 1
    last.set(engine, number)
  }
  return wrong
}
