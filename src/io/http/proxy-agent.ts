import type { Agent, IncomingMessage } from 'node:http'
import { FlotillaError } from '../../core/errors.ts'
import type { WebProxy } from './find-proxy.ts'

/** A way to a service through a proxy, for one request. */
export interface ProxyAgent {
  readonly agent: Agent
  /**
   * Why the proxy let nothing through, as far as it said so: what it answers must not be taken for the service's.
   *
   * @param status of the answer that came
   */
  refusal(status: number): FlotillaError | undefined
}

/** `https:` goes through a tunnel (CONNECT), `http:` is asked of the proxy itself. */
export async function makeProxyAgent(target: URL, { url, variable }: WebProxy): Promise<ProxyAgent> {
  function refuse(status: number): FlotillaError {
    const hint = { hint: `it wants a name and a password, which have their place in the URL of ${variable}` }
    return new FlotillaError(
      'io/connect',
      `cannot reach ${target.origin}: the proxy ${url.origin} (${variable}) answered ${status}`,
      status === 407 ? hint : {},
    )
  }
  if (target.protocol === 'http:') {
    const { HttpProxyAgent } = await import('http-proxy-agent')
    // Only a proxy says 407; any other status may be the service's.
    return { agent: new HttpProxyAgent(url), refusal: (status) => (status === 407 ? refuse(status) : undefined) }
  }
  const { HttpsProxyAgent } = await import('https-proxy-agent')
  const agent = new HttpsProxyAgent(url)
  let tunnel = 200
  agent.on('proxyConnect', (reply: Pick<IncomingMessage, 'statusCode'>) => {
    tunnel = reply.statusCode ?? 0
  })
  return { agent, refusal: () => (tunnel === 200 ? undefined : refuse(tunnel)) }
}
