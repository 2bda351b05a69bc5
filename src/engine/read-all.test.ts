import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../io/clock.ts'
import { openEngine } from './client.ts'
import type { EngineRequest } from './engine.ts'

const stops: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

function reply(body: string, head = ''): string {
  return `HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`
}

interface Served {
  readonly read: (paths: readonly string[], deadlineMs?: number) => Promise<readonly string[]>
  readonly pieces: string[][]
}

/** A server that is told of every piece that arrives, and how many requests are in it. */
async function serve(answer: (socket: Socket, paths: readonly string[], connection: number) => void): Promise<Served> {
  const pieces: string[][] = []
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    connections += 1
    const number = connections
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      const paths = [...chunk.toString().matchAll(/^GET (\S+) /gm)].map((match) => match[1] ?? '')
      pieces.push(paths)
      answer(socket, paths, number)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const engine = openEngine({ kind: 'tcp', host: '127.0.0.1', port }, { clock: systemClock, userAgent: 'test' })
  stops.push(async () => {
    await engine.close()
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    pieces,
    async read(paths, deadlineMs = 5000) {
      const heard: string[] = []
      const requests = paths.map((path): EngineRequest => ({ method: 'GET', path, unversioned: true }))
      await engine.readAll?.(
        requests,
        (index, outcome) =>
          heard.push(`${index} ${outcome.isOk ? JSON.stringify(outcome.value) : outcome.error.message}`),
        { deadlineMs },
      )
      return heard
    },
  }
}

describe('reading several things at once', () => {
  it('is one write on one connection, and each answer is told as it comes', async () => {
    const { read, pieces } = await serve((socket, paths) => {
      for (const path of paths) {
        if (path === '/no') socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 16\r\n\r\n{"message":"no"}')
        else socket.write(reply(JSON.stringify(path)))
      }
    })
    expect(await read(['/a', '/no', '/c'])).toEqual(['0 "/a"', '1 no', '2 "/c"'])
    expect(await read(['/d', '/e'])).toEqual(['0 "/d"', '1 "/e"'])
    expect(pieces).toEqual([
      ['/a', '/no', '/c'],
      ['/d', '/e'],
    ])
  })

  it('tells those behind a large answer, which is read in slices, after it', async () => {
    const large = JSON.stringify(
      Array.from({ length: 20_000 }, (_, index) => ({ Id: String(index), Text: 'x'.repeat(60) })),
    )
    const { read } = await serve((socket, paths) => {
      for (const path of paths) {
        if (path === '/no') socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 16\r\n\r\n{"message":"no"}')
        else socket.write(reply(path === '/large' ? large : JSON.stringify(path)))
      }
    })
    expect(await read(['/a', '/large', '/no', '/c'])).toEqual(['0 "/a"', `1 ${large}`, '2 no', '3 "/c"'])
  })

  it('takes answers in any pieces', async () => {
    const { read } = await serve((socket, paths) => {
      const text = paths.map((path) => reply(JSON.stringify(path))).join('')
      for (let at = 0; at < text.length; at += 7) setTimeout(() => socket.write(text.slice(at, at + 7)), at / 7)
    })
    expect(await read(['/a', '/b', '/c'])).toEqual(['0 "/a"', '1 "/b"', '2 "/c"'])
  })

  it('asks again for the rest, one by one, where a server drops what comes behind the first request', async () => {
    const { read, pieces } = await serve((socket, paths) => socket.write(reply(JSON.stringify(paths[0]))))
    expect(await read(['/a', '/b', '/c'])).toEqual(['0 "/a"', '1 "/b"', '2 "/c"'])
    expect(await read(['/d', '/e'])).toEqual(['0 "/d"', '1 "/e"'])
    expect(pieces).toEqual([['/a', '/b', '/c'], ['/b'], ['/c'], ['/d'], ['/e']])
  })

  it('goes on after a connection that ends behind an answer', async () => {
    const { read } = await serve((socket, paths) => {
      socket.end(reply(JSON.stringify(paths[0]), 'Connection: close\r\n'))
    })
    expect(await read(['/a', '/b'])).toEqual(['0 "/a"', '1 "/b"'])
  })

  it('an answer that does not come is one failure, and the others still come', async () => {
    const { read } = await serve((socket, paths) => {
      if (paths[0] !== '/hang') socket.write(reply(JSON.stringify(paths[0])))
    })
    const heard = await read(['/hang', '/b'], 200)
    expect(heard).toEqual([expect.stringMatching(/^0 engine .* did not answer GET \/hang within 200 ms$/), '1 "/b"'])
  })

  it('rejects when nothing is answered, and for what is no HTTP', async () => {
    const silent = await serve(() => undefined)
    await expect(silent.read(['/a', '/b'], 100)).rejects.toThrow('did not answer')
    const rude = await serve((socket) => socket.write('SSH-2.0-OpenSSH\r\n'))
    await expect(rude.read(['/a', '/b'])).rejects.toThrow('does not speak HTTP')
  })
})
