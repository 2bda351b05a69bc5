import { Agent, request } from 'node:http'

/** What the engine alone takes for some containers; wall milliseconds. */
export interface Floor {
  readonly upMs: number
  readonly downMs: number
}

/** Most calls at once: what engines 20.10 and 28.5 do best, docs/decisions/0046-processors-kept-busy.md. */
const parallel = 8

/**
 * Creates, starts, stops and removes containers by bare API calls: no program that makes the same calls can be quicker.
 *
 * @param network made before the containers and removed after them; undefined: they have none
 */
export async function measureFloor(
  socketPath: string,
  image: string,
  count: number,
  network: string | undefined,
): Promise<Floor> {
  const agent = new Agent({ keepAlive: true, maxSockets: parallel })
  const call = (method: string, path: string, body?: unknown): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' }
      const sent = request({ agent, socketPath, method, path: `/v1.41${path}`, headers }, (reply) => {
        let text = ''
        reply.setEncoding('utf8').on('data', (part: string) => (text += part))
        reply.on('end', () => {
          if ((reply.statusCode ?? 500) < 400) resolve(text)
          else reject(new Error(`${method} ${path}: ${text}`))
        })
      })
      sent.on('error', reject)
      sent.end(body === undefined ? undefined : JSON.stringify(body))
    })
  try {
    const startMs = performance.now()
    if (network !== undefined) await call('POST', '/networks/create', { Name: network })
    const ids = await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const NetworkMode = network ?? 'none'
        const EndpointsConfig = network === undefined ? {} : { [network]: { Aliases: [`s${index}`] } }
        const made = await call('POST', '/containers/create', {
          Image: image,
          HostConfig: { NetworkMode },
          NetworkingConfig: { EndpointsConfig },
        })
        const { Id } = JSON.parse(made) as { readonly Id: string }
        await call('POST', `/containers/${Id}/start`)
        return Id
      }),
    )
    const upMs = performance.now() - startMs
    const stopMs = performance.now()
    await Promise.all(
      ids.map(async (id) => {
        await call('POST', `/containers/${id}/stop?t=0`)
        await call('DELETE', `/containers/${id}?force=1`)
      }),
    )
    if (network !== undefined) await call('DELETE', `/networks/${network}`)
    return { upMs, downMs: performance.now() - stopMs }
  } finally {
    agent.destroy()
  }
}
