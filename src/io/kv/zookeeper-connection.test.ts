import { Buffer } from 'node:buffer'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import { shakeHands, ZookeeperConnection } from './zookeeper-connection.ts'
import { JuteReader, JuteWriter, opcode, specialId, zkCode } from './zookeeper-wire.ts'

const cleanUps: (() => void)[] = []
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp()
})

interface Bed {
  readonly connection: ZookeeperConnection
  readonly clock: ManualClock
  /** The server's end. */
  readonly server: Socket
  /** Each thing the owner was told, in order. */
  readonly told: readonly unknown[]
  /** Resolves with the next packet that the server gets. */
  readonly packet: () => Promise<JuteReader>
  /** Resolves when the connection is lost. */
  readonly lost: Promise<void>
}

function answer(id: number, transaction: bigint, code = 0, body: Buffer = Buffer.alloc(0)): Buffer {
  const packet = new JuteWriter().int(id).long(transaction).int(code).raw(body).toBuffer()
  return new JuteWriter().bytes(packet).toBuffer()
}

async function openPair(): Promise<{ readonly client: Socket; readonly server: Socket }> {
  const listener: Server = createServer()
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const accepted = new Promise<Socket>((resolve) => listener.once('connection', resolve))
  const client = connect((listener.address() as { port: number }).port, '127.0.0.1')
  const server = await accepted
  server.on('error', () => undefined)
  cleanUps.push(() => {
    client.destroy()
    server.destroy()
    listener.close()
  })
  return { client, server }
}

/** A connection whose sessions end after 9 s without a word. */
async function start(held: Buffer = Buffer.alloc(0)): Promise<Bed> {
  const { client, server } = await openPair()
  const clock = manualClock()
  const told: unknown[] = []
  let onLost = (): void => undefined
  const lost = new Promise<void>((resolve) => (onLost = resolve))
  const connection = new ZookeeperConnection(client, 9000, held, {
    name: 'store',
    clock,
    onHeard: () => undefined,
    onChange: (transaction) => told.push(transaction),
    onEvent: (path) => told.push(path),
    onLost: (error) => {
      told.push(error.message)
      onLost()
    },
  })
  connection.start()
  const packets: JuteReader[] = []
  let wake = (): void => undefined
  server.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length; at += 4 + chunk.readInt32BE(at)) {
      packets.push(new JuteReader(chunk.subarray(at + 4, at + 4 + chunk.readInt32BE(at))))
    }
    wake()
  })
  async function packet(): Promise<JuteReader> {
    while (packets[0] === undefined) await new Promise<void>((resolve) => (wake = resolve))
    return packets.shift() as JuteReader
  }
  return { connection, clock, server, told, packet, lost }
}

describe('a connection to ZooKeeper', () => {
  it('gives answers to requests in their order, however they are cut', async () => {
    const { connection, server, told } = await start()
    const first = connection.send(1, opcode.exists, '/a', Buffer.alloc(0))
    const second = connection.send(2, opcode.exists, '/b', Buffer.alloc(0))
    const bytes = Buffer.concat([
      answer(1, 7n, 0, new JuteWriter().text('one').toBuffer()),
      answer(2, 8n, zkCode.noNode),
    ])
    server.write(bytes.subarray(0, 5))
    setImmediate(() => server.write(bytes.subarray(5)))
    expect((await first).text()).toBe('one')
    await expect(second).rejects.toMatchObject({ zkCode: zkCode.noNode, message: expect.stringContaining('/b') })
    expect(told).toEqual([7n, 8n])
  })

  it('reads what came behind the handshake, and tells what is watched', async () => {
    const event = new JuteWriter().int(1).int(3).text('/watched').toBuffer()
    const { told } = await start(answer(specialId.event, -1n, 0, event))
    expect(told).toEqual(['/watched'])
  })

  it('pings every third of the time-out, and gives up a server that is silent for two', async () => {
    const { clock, connection, packet, told, lost } = await start()
    const waiting = expect(connection.send(1, opcode.exists, '/a', Buffer.alloc(0))).rejects.toMatchObject({
      code: 'io/connect',
    })
    expect((await packet()).int()).toBe(1)
    await clock.advance(3000)
    expect((await packet()).int()).toBe(specialId.ping)
    await clock.advance(3000)
    expect((await packet()).int()).toBe(specialId.ping)
    expect(told).toEqual([])
    await clock.advance(3000)
    await lost
    await waiting
    expect(told).toEqual(['store: connection lost: the server is silent'])
  })

  it('keeps a server that answers its pings', async () => {
    const { clock, connection, packet, server, told } = await start()
    for (let round = 1; round <= 6; round += 1) {
      await clock.advance(3000)
      expect((await packet()).int()).toBe(specialId.ping)
      server.write(answer(specialId.ping, -1n))
      // The answer to a request behind it shows that the other has been read.
      const answered = connection.send(round, opcode.exists, '/a', Buffer.alloc(0))
      await packet()
      server.write(answer(round, 1n))
      await answered
    }
    expect(told).toEqual([1n, 1n, 1n, 1n, 1n, 1n])
  })

  it('that is lost refuses what is sent on it', async () => {
    const { connection } = await start()
    connection.lose(new Error('over'))
    const sent = connection.send(1, opcode.exists, '/a', Buffer.alloc(0))
    await expect(sent).rejects.toMatchObject({ message: 'store: connection lost: over' })
  })

  it.each([
    ['answers what nobody asked', answer(5, 1n), 'an answer nobody asked for'],
    ['says that more comes than can', Buffer.from([0x7f, 0, 0, 0]), 'a packet of 2130706432 bytes'],
  ])('is lost with a server that %s', async (_, bytes, reason) => {
    const { server, told, lost } = await start()
    server.write(bytes)
    await lost
    expect(told.at(-1)).toBe(`store: connection lost: ${reason}`)
  })
})

describe('the handshake', () => {
  it('reads the first answer and keeps what is behind it', async () => {
    const { client, server } = await openPair()
    const shaken = shakeHands(client, Buffer.from('hello'), undefined)
    server.write(Buffer.concat([new JuteWriter().bytes(Buffer.from('welcome')).toBuffer(), Buffer.from('rest')]))
    const { packet, rest } = await shaken
    expect([packet.toString(), rest.toString()]).toEqual(['welcome', 'rest'])
  })

  it('ends with a peer that is no ZooKeeper', async () => {
    const { client, server } = await openPair()
    const shaken = shakeHands(client, Buffer.from('hello'), undefined)
    server.write('HTTP/1.1 400 Bad Request\r\n\r\n')
    await expect(shaken).rejects.toMatchObject({ message: 'this is not ZooKeeper' })
    expect(client.destroyed).toBe(true)
  })

  it('ends when its time is over', async () => {
    const { client } = await openPair()
    const stop = new AbortController()
    const shaken = shakeHands(client, Buffer.from('hello'), stop.signal)
    stop.abort(new Error('too late'))
    await expect(shaken).rejects.toThrow('too late')
    expect(client.destroyed).toBe(true)
  })
})
