import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { requestWeb } from './web.ts'

/** What a user reads of a registry or a discovery that cannot be reached. */
async function failureOf(url: string): Promise<string> {
  return requestWeb({ method: 'GET', url }, {}, systemClock).then(
    () => 'reached',
    (error: unknown) => (error instanceof Error ? error.message : ''),
  )
}

it('tells a server without TLS, an unknown host and a closed port in plain words', async () => {
  const server = createServer((_, reply) => void reply.end('hello'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const origin = `127.0.0.1:${port}`
  try {
    expect(await failureOf(`https://${origin}/v2/`)).toBe(
      `cannot reach https://${origin}: http: server gave HTTP response to HTTPS client`,
    )
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
  expect(await failureOf(`http://${origin}/`)).toBe(`cannot reach http://${origin}: connection refused`)
  expect(await failureOf('https://nobody.invalid/')).toBe('cannot reach https://nobody.invalid: no such host')
})
