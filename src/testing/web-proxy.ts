import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** An HTTP proxy on loopback. */
export interface WebProxyServer {
  readonly url: URL
  /** What it was asked for, in order: `CONNECT host:port`, or method and whole URL. */
  readonly asked: string[]
  close(): Promise<void>
}

/**
 * Starts a forward proxy (RFC 9110 §7.6): tunnels, and plain requests that name the whole URL.
 *
 * @param o `login`: the `user:password` it wants to see; `dial`: where it connects to in place of the host that is asked for
 */
export async function startWebProxy(
  o: {
    readonly login?: string
    readonly dial?: (port: number) => { readonly host: string; readonly port: number }
  } = {},
): Promise<WebProxyServer> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const wanted = o.login === undefined ? undefined : `Basic ${Buffer.from(o.login).toString('base64')}`
  const reach = (url: URL): { readonly host: string; readonly port: number } => {
    const port = Number(url.port === '' ? 80 : url.port)
    return o.dial?.(port) ?? { host: url.hostname, port }
  }
  const server = createServer((call, reply) => {
    asked.push(`${call.method} ${call.url}`)
    if (wanted !== undefined && call.headers['proxy-authorization'] !== wanted) {
      reply.writeHead(407).end()
      return
    }
    const url = new URL(call.url ?? '')
    const onward = request(
      { ...reach(url), method: call.method, path: url.pathname + url.search, headers: { ...call.headers } },
      (answer) => {
        reply.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(reply)
      },
    )
    onward.on('error', () => reply.writeHead(502).end())
    call.pipe(onward)
  })
  server.on('connect', (call, client: Socket, head: Buffer) => {
    asked.push(`CONNECT ${call.url}`)
    client.on('error', () => {})
    if (wanted !== undefined && call.headers['proxy-authorization'] !== wanted) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n')
      return
    }
    const target = connect(reach(new URL(`http://${call.url}`)), () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      target.write(head)
      client.pipe(target).pipe(client)
    })
    target.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'))
    client.on('close', () => target.destroy())
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    asked,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    },
  }
}
