import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** Where to knock: a port of 127.0.0.1, or a unix socket. */
export type Place = { readonly port: number } | { readonly path: string }

export interface Load {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly requests: number
}

function open(place: Place): Socket {
  return 'port' in place
    ? connect({ port: place.port, host: '127.0.0.1', noDelay: true })
    : connect({ path: place.path })
}

function renderGet(path: string, isLast: boolean): string {
  const end = isLast ? 'Connection: close\r\n' : ''
  return `GET ${path} HTTP/1.1\r\nHost: docker\r\nUser-Agent: Docker-Client/28.2.2 (linux)\r\n${end}\r\n`
}

/** How long one reply is: the same for every reply to this request, so that a load need not parse. */
async function learnLength(place: Place, path: string): Promise<number> {
  const socket = open(place)
  let bytes = 0
  let isQuiet: NodeJS.Timeout | undefined
  return new Promise((resolve, reject) => {
    const done = (): void => {
      socket.destroy()
      resolve(bytes)
    }
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      bytes += chunk.length
      clearTimeout(isQuiet)
      isQuiet = setTimeout(done, 100)
    })
    socket.write(renderGet(path, false))
  })
}

/** Asks for `path` again and again over some connections, each waiting for its reply, and for `pauseMs`, before it asks again. */
export async function putLoad(place: Place, path: string, connections: number, ms: number, pauseMs = 0): Promise<Load> {
  const length = await learnLength(place, path)
  const request = Buffer.from(renderGet(path, false))
  const times: number[] = []
  const end = performance.now() + ms
  await Promise.all(Array.from({ length: connections }, () => ask(place, request, length, end, times, pauseMs)))
  times.sort((a, b) => a - b)
  const requests = times.length
  const at = (share: number): number => times[Math.floor(requests * share)] ?? Number.NaN
  return { perSecond: (requests * 1000) / ms, p50Ms: at(0.5), p99Ms: at(0.99), requests }
}

function ask(
  place: Place,
  request: Buffer,
  length: number,
  end: number,
  times: number[],
  pauseMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = open(place)
    let got = 0
    let start = 0
    const next = (): void => {
      got = 0
      start = performance.now()
      socket.write(request)
    }
    socket.on('connect', next)
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      got += chunk.length
      if (got < length) return
      const now = performance.now()
      times.push(now - start)
      if (now < end) {
        if (pauseMs === 0) next()
        else setTimeout(next, pauseMs)
      } else {
        socket.destroy()
        resolve()
      }
    })
  })
}
