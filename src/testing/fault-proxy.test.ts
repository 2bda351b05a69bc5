import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { startFaultProxy } from './fault-proxy.ts'
import type { FaultProxy, ProxyFault } from './fault-proxy.ts'
import { manualClock } from './manual-clock.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** Repeats what it gets, and ends when its client has ended. */
async function startEcho(): Promise<{ host: string; port: number }> {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => socket.write(chunk))
    socket.on('end', () => socket.end(' and good bye'))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  stops.push(
    () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  )
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

async function start(fault: ProxyFault): Promise<FaultProxy> {
  const proxy = await startFaultProxy(await startEcho(), { fault })
  stops.push(() => proxy.stop())
  return proxy
}

/** Says something, ends its side, and tells what came back and how it ended. */
function talk(proxy: FaultProxy, text: string): Promise<string> {
  return new Promise((resolve) => {
    let got = ''
    const socket = connect({ host: proxy.host, port: proxy.port, allowHalfOpen: true })
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString()
    })
    socket.on('error', (error) => resolve(`${got}[${String(Reflect.get(error, 'code'))}]`))
    socket.on('end', () => resolve(got))
    socket.end(text)
  })
}

describe('the fault proxy', () => {
  it('passes bytes and both half-closes when it has no fault', async () => {
    expect(await talk(await start({ kind: 'none' }), 'hello')).toBe('hello and good bye')
  })

  it.each([
    [{ kind: 'truncate', afterBytes: 3 }, 'hel'],
    [{ kind: 'garbage', bytes: '\u0001\u0002' }, '\u0001\u0002'],
    [{ kind: 'drip', bytes: 4, everyMs: 1 }, 'hello and good bye'],
    [{ kind: 'latency', ms: 1 }, 'hello and good bye'],
  ] as const)('with %j gives %j', async (fault, text) => {
    expect(await talk(await start(fault), 'hello')).toBe(text)
  })

  it('resets where it was told to', async () => {
    expect(await talk(await start({ kind: 'reset', afterBytes: 2 }), 'hello')).toMatch(/^(he)?\[ECONNRESET\]$/)
    expect(await talk(await start({ kind: 'refuse' }), 'hello')).toMatch(/\[(ECONNRESET|EPIPE)\]$/)
  })

  it('as a black hole accepts and says nothing until it is healed', async () => {
    const proxy = await start({ kind: 'black-hole' })
    let outcome = 'nothing'
    const talking = talk(proxy, 'hello').then((text) => {
      outcome = text
    })
    await expect.poll(() => proxy.accepted).toBe(1)
    expect(outcome).toBe('nothing')
    proxy.setFault({ kind: 'none' }, true)
    await talking
    expect(outcome).toBe('[ECONNRESET]')
    expect(await talk(proxy, 'again')).toBe('again and good bye')
  })

  it('delays by the clock it was given', async () => {
    const clock = manualClock()
    const proxy = await startFaultProxy(await startEcho(), { fault: { kind: 'latency', ms: 1000 }, clock })
    stops.push(() => proxy.stop())
    let outcome = 'nothing'
    const talking = talk(proxy, 'x').then((text) => {
      outcome = text
    })
    await expect.poll(() => clock.sleeping).toBe(1)
    expect(outcome).toBe('nothing')
    await clock.advance(1000)
    await expect.poll(() => clock.sleeping).toBe(1)
    await clock.advance(1000)
    await expect
      .poll(async () => {
        await clock.advance(1000)
        return outcome
      })
      .toBe('x and good bye')
    await talking
  })
})
