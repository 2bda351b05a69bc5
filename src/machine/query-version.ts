import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { FlotillaError, toMessage } from '../core/errors.ts'
import { programVersion } from '../core/program.ts'
import { engineVersion } from '../engine/api/system.ts'
import { openEngine } from '../engine/client.ts'
import { parseEndpoint } from '../engine/endpoint-parse.ts'
import type { Endpoint } from '../engine/endpoint.ts'
import { explainTls, isPlainEngine, readTls } from './connection.ts'
import type { AuthOptions, Host } from './host.ts'

/**
 * Asks a machine's engine for its version. An address without TLS (`http://`, or an engine that answers in
 * the clear) is asked in the clear.
 *
 * @throws {engine/unreachable} with docker-machine's prefix
 */
export async function queryVersion(url: string, auth: AuthOptions, clock: Clock, o: CallOptions): Promise<string> {
  try {
    if (/^(?:http|unix|ssh):/.test(url)) return await ask(parseEndpoint(url), clock, o)
    const tls = await readTls(auth)
    try {
      return await ask(parseEndpoint(url, { ...tls, isVerified: true }), clock, o)
    } catch (error) {
      if (!isPlainTalk(error)) throw error
      return await ask(parseEndpoint(url.replace(/^tcp:/, 'http:')), clock, o)
    }
  } catch (error) {
    if (o.signal?.aborted === true) throw error
    const reason = url.startsWith('tcp:') ? await explainTls(auth, error) : toMessage(error)
    throw new FlotillaError('engine/unreachable', `Unable to query docker version: ${reason}`, { cause: error })
  }
}

/** The same for a machine: an engine that was taken over without certificates is asked in the clear. */
export async function queryHostVersion(url: string, host: Host, clock: Clock, o: CallOptions): Promise<string> {
  const address = (await isPlainEngine(host)) ? url.replace(/^tcp:/, 'http:') : url
  return queryVersion(address, host.options.AuthOptions, clock, o)
}

/** The server's first bytes were no TLS record. */
function isPlainTalk(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const text = at.message.replaceAll('_', ' ')
    if (/wrong version number|packet length too long|http request|tls handshake/i.test(text)) return true
  }
  return false
}

async function ask(endpoint: Endpoint, clock: Clock, o: CallOptions): Promise<string> {
  const engine = openEngine(endpoint, { clock, userAgent: `flotilla/${programVersion}` })
  try {
    return (await engineVersion(engine, o)).Version
  } finally {
    await engine.close()
  }
}
