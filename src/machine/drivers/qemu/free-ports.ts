import { createServer } from 'node:net'

/** Ports of 127.0.0.1 that nobody has, all held at the same time so that they differ. */
export async function findFreePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  try {
    return await Promise.all(
      servers.map(
        (server) =>
          new Promise<number>((resolve, reject) => {
            server.once('error', reject)
            server.listen(0, '127.0.0.1', () => {
              const place = server.address()
              resolve(typeof place === 'object' && place !== null ? place.port : 0)
            })
          }),
      ),
    )
  } finally {
    for (const server of servers) server.close()
  }
}
