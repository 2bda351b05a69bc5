import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { FlotillaError } from '../../core/errors.ts'
import { silentLog } from '../../core/log.ts'
import { systemClock } from '../../io/clock.ts'
import { leadershipOver } from './fence.ts'
import { PrimaryForwarder } from './forward-primary.ts'
import type { PrimaryForwarderOptions } from './forward-primary.ts'
import { EndpointServer } from './server.ts'
import { parseTarget } from './target.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

type Role = { -readonly [K in keyof PrimaryForwarderOptions['role']]: PrimaryForwarderOptions['role'][K] }

interface Manager {
  readonly port: number
  /** What it takes itself for. */
  readonly role: Role
}

/** A manager that passes on what comes to where nobody listens, and learns meanwhile who leads: `next`. */
async function startManager(
  next: Partial<Role>,
  serve: () => void = () => undefined,
  waitMs: number = 30_000,
): Promise<Manager> {
  const role: Role = {
    address: '127.0.0.1:1',
    kind: 'replica',
    primary: '127.0.0.1:2',
    catchingUp: undefined,
    onChange: () => () => undefined,
  }
  const server = new EndpointServer({
    clock: systemClock,
    log: silentLog,
    handle(exchange) {
      const passed = forwarder.route(exchange, parseTarget(exchange.head.target), serve)
      Object.assign(role, next)
      return passed
    },
  })
  const forwarder = new PrimaryForwarder({
    role,
    host: server,
    clock: systemClock,
    log: silentLog,
    waitMs,
    ownView: { refresh: () => undefined },
    openEngine() {
      throw new Error('not asked for')
    },
  })
  const address = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 })
  cleanups.push(() => {
    server.closeNow()
    forwarder.close()
  })
  return { port: address.kind === 'tcp' ? address.port : 0, role }
}

interface Primary {
  readonly address: string
  readonly open: ReadonlySet<Socket>
  asked(): number
  /** What it was sent. */
  heard(): string
}

/** The next primary: takes requests and answers none. */
async function startPrimary(isBreakingOff = false): Promise<Primary> {
  const open = new Set<Socket>()
  let [asked, heard] = [0, '']
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (data) => (heard += data.toString()))
    socket.once('data', () => {
      asked += 1
      open.add(socket)
      if (isBreakingOff) socket.destroy()
    })
    socket.on('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    open,
    asked: () => asked,
    heard: () => heard,
  }
}

function ask(port: number, request: string): { readonly socket: Socket; readonly text: () => string } {
  const socket = connect(port, '127.0.0.1')
  cleanups.push(() => void socket.destroy())
  let all = ''
  socket.setEncoding('utf8').on('data', (data: string) => (all += data))
  socket.on('error', () => undefined)
  socket.write(`${request} HTTP/1.1\r\nHost: d\r\n\r\n`)
  return { socket, text: () => all }
}

const patience = { timeout: 30_000 }

describe('a request that found nobody where the primary was', () => {
  it('ends at the next primary when its client goes away', async () => {
    const primary = await startPrimary()
    const client = ask((await startManager({ primary: primary.address })).port, 'GET /events')
    await vi.waitFor(() => expect(primary.open.size).toBe(1), patience)
    client.socket.destroy()
    await vi.waitFor(() => expect(primary.open.size).toBe(0), patience)
  })

  it.each([
    [new FlotillaError('cluster/unhealthy', 'no room', { status: 503 }), /^HTTP\/1\.1 503 .*Retry-After: 1\r\n/s],
    [new FlotillaError('engine/timeout', 'too late'), /^HTTP\/1\.1 504 /s],
    [new Error('a mistake'), /^HTTP\/1\.1 500 .*X-Request-Id: [0-9a-f]{16}\r\n/s],
  ])('and is served here instead fails as any other does: %s', async (error, answer) => {
    const { port } = await startManager({ kind: 'primary' }, () => {
      throw error
    })
    const client = ask(port, 'GET /containers/json')
    await vi.waitFor(() => expect(client.text()).toMatch(/\}\n$/), patience)
    expect(client.text()).toMatch(answer)
  })
})

describe('a call that may be sent again', () => {
  it('is, now and then, to one that goes on leading and breaks off, and fails in the end', async () => {
    const primary = await startPrimary(true)
    const { port } = await startManager({ primary: primary.address }, undefined, 1500)
    const client = ask(port, 'POST /networks/create')
    await vi.waitFor(() => expect(client.text()).toContain('Unable to reach primary cluster manager'), patience)
    expect(primary.asked()).toBeGreaterThan(1)
    expect(primary.asked()).toBeLessThan(10)
  })

  it('tells of a try that got no answer also when leadership goes on to the next one meanwhile', async () => {
    const [first, last] = [await startPrimary(true), await startPrimary()]
    const { port, role } = await startManager({ primary: first.address }, () => {
      Object.assign(role, { kind: 'replica', primary: last.address })
      throw leadershipOver()
    })
    ask(port, 'POST /containers/create?name=web')
    await vi.waitFor(() => expect(first.asked()).toBe(1), patience)
    Object.assign(role, { kind: 'primary', primary: role.address })
    await vi.waitFor(() => expect(last.asked()).toBe(1), patience)
    const [, lost = 'none'] = /x-flotilla-wait-id: (\w+)/.exec(first.heard()) ?? []
    expect(last.heard()).toContain(`x-flotilla-lost: ${lost}\r\n`)
    expect(last.heard()).not.toContain(`x-flotilla-wait-id: ${lost}\r\n`)
  })
})
