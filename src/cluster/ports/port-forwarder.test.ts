import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import type { Log } from '../../core/log.ts'
import { silentLog } from '../../core/log.ts'
import { ask, startManagerOver } from '../../testing/endpoint-bed.ts'
import type { BedAnswer } from '../../testing/endpoint-bed.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { PortRange } from './choose-ports.ts'

/**
 * The nodes of fake engines are at 127.0.0.1, where this test listens in the place of containers; the manager forwards at
 * 127.0.0.2.
 */
const manager = '127.0.0.2'
const opened: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

async function serve(host: string, port = 0): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end('hello')
  })
  server.listen(port, host)
  await once(server, 'listening')
  opened.push(() => void server.close())
  return (server.address() as AddressInfo).port
}

interface Bed {
  readonly engines: readonly FakeEngine[]
  readonly warnings: string[]
  call(method: string, path: string, body?: unknown): Promise<BedAnswer>
  /** Creates and starts; the answer to the start. */
  run(name: string, hostConfig: unknown, node: string): Promise<BedAnswer>
}

async function startBed(range: PortRange, here = (): ReadonlySet<string> => new Set()): Promise<Bed> {
  const engines: FakeEngine[] = []
  for (const name of ['n1', 'n2']) {
    const engine = await startFakeEngine({ name, images: ['box:1'] })
    engines.push(engine)
    opened.push(() => engine.stop())
  }
  const warnings: string[] = []
  const log: Log = { ...silentLog, warn: (message) => warnings.push(message) }
  const endpoint = await startManagerOver(engines, { log, ports: { hosts: [manager], range, here } })
  opened.push(() => endpoint.closeNow())
  await expect.poll(() => endpoint.cluster.healthyMembers().length, { timeout: 20_000 }).toBe(2)
  const port = Number(new URL(endpoint.addresses[0] ?? '').port)
  const call: Bed['call'] = (...args) => ask(port, ...args)
  return {
    engines,
    warnings,
    call,
    async run(name, hostConfig, node) {
      const body = { Image: 'box:1', Cmd: ['serve'], Env: [`constraint:node==${node}`], HostConfig: hostConfig }
      const made = await call('POST', `/containers/create?name=${name}`, body)
      expect(made.status, made.body).toBe(201)
      return call('POST', `/containers/${name}/start`)
    },
  }
}

function fetchFrom(port: number): Promise<string> {
  return text(connect({ host: manager, port }))
}

describe('forwarded ports', () => {
  it('answer when the start is answered, and stop when the container does', async () => {
    const port = await serve('127.0.0.1')
    const bed = await startBed({ from: 61_000, to: 61_099 })
    const bindings = { '80/tcp': [{ HostIp: '', HostPort: String(port) }] }
    expect((await bed.run('web', { PortBindings: bindings }, 'n2')).status).toBe(204)
    expect(await fetchFrom(port)).toBe('hello')
    const told = JSON.parse((await bed.call('GET', '/flotilla/ports')).body) as { Ports: unknown }
    expect(told).toMatchObject({ Forwarding: true, Addresses: [manager] })
    expect(told.Ports).toMatchObject([
      { Port: port, Protocol: 'tcp', Error: '', Targets: [{ Node: 'n2', Name: 'web' }] },
    ])
    const metrics = (await bed.call('GET', '/flotilla/metrics')).body
    expect(metrics).toContain('flotilla_forwarded_ports{state="open"} 1')
    expect((await bed.call('DELETE', '/containers/web?force=1')).status).toBe(204)
    await expect
      .poll(() => fetchFrom(port).catch((error: Error) => error.message), { timeout: 30_000 })
      .toMatch(/ECONNREFUSED/)
  })

  it('never have the same number on two nodes where a create leaves it open', async () => {
    const first = await serve('127.0.0.1')
    const bed = await startBed({ from: first, to: first + 1 })
    const published = async (name: string): Promise<number> => {
      const inspect = JSON.parse((await bed.call('GET', `/containers/${name}/json`)).body) as {
        NetworkSettings: { Ports: Record<string, { HostPort: string }[]> }
      }
      return Number(inspect.NetworkSettings.Ports['80/tcp']?.[0]?.HostPort)
    }
    const open = { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '' }] } }
    await bed.run('one', open, 'n1')
    await bed.run('two', open, 'n2')
    expect([await published('one'), await published('two')].sort((a, b) => a - b)).toEqual([first, first + 1])
    // Nothing is left in the range: the engine chooses.
    expect((await bed.run('three', open, 'n1')).status).toBe(204)
    expect(await fetchFrom(first)).toBe('hello')
  })

  it('say when the manager cannot listen there, once, and whose port it is', async () => {
    const port = await serve(manager)
    const bed = await startBed({ from: 61_000, to: 61_099 })
    const bindings = { '80/tcp': [{ HostIp: '', HostPort: String(port) }] }
    expect((await bed.run('web', { PortBindings: bindings }, 'n1')).status).toBe(204)
    expect(bed.warnings).toEqual([
      `Port tcp/${port} of n1/web is not forwarded: listen EADDRINUSE: address already in use ${manager}:${port}`,
    ])
    const told = (await bed.call('GET', '/flotilla/ports')).body
    expect(told).toContain('EADDRINUSE')
  })

  it('are left to a node that is the machine of the manager itself', async () => {
    const port = await serve('127.0.0.1')
    let isHere = false
    const bed = await startBed({ from: 61_000, to: 61_099 }, () => new Set(isHere ? ['127.0.0.1'] : []))
    const bindings = { '80/tcp': [{ HostIp: '', HostPort: String(port) }] }
    await bed.run('one', { PortBindings: bindings }, 'n1')
    expect(await fetchFrom(port)).toBe('hello')
    isHere = true
    // Free by the time that the engine is asked to start it: the manager's own listener would be in the way.
    expect((await bed.run('two', { PortBindings: bindings }, 'n2')).status).toBe(204)
    await expect(fetchFrom(port)).rejects.toThrow('ECONNREFUSED')
    const told = (await bed.call('GET', '/flotilla/ports')).body
    await expect
      .poll(async () => (await bed.call('GET', '/flotilla/ports')).body, { timeout: 30_000 })
      .toContain('is on this machine and has the number')
    expect(told).toContain('"Ports":[]')
  })

  it('pass on refusals of a start as the engine words them', async () => {
    const bed = await startBed({ from: 61_000, to: 61_099 })
    const bindings = { '80/tcp': [{ HostIp: '', HostPort: '8080' }] }
    await bed.run('web', { PortBindings: bindings }, 'n1')
    const again = await bed.call('POST', '/containers/web/start')
    expect(again.status).toBe(304)
    bed.engines[0]?.fail({ path: /\/start$/, times: 1, fault: { kind: 'status', status: 500, message: 'no device' } })
    await bed.call('POST', '/containers/web/stop?t=0')
    const failed = await bed.call('POST', '/containers/web/start')
    expect([failed.status, failed.body]).toEqual([500, expect.stringContaining('no device')])
  })
})
