import type { Buffer } from 'node:buffer'
import type { PassThrough, Readable } from 'node:stream'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { findOwned, forward, noteNodes } from '../call.ts'
import type { Api, Call, Handler, OwnedContainer } from '../call.ts'
import { detectCompression, runsForeignUnpacker, signatureLength } from '../compression.ts'
import { headerOf } from '../http1/head.ts'
import { fanOutBody } from './fan-out.ts'

/**
 * Files for a container. Older engines unpack a compressed archive with a program that they look for among the
 * container's own files, and run it as root of the host: such an archive goes to them unpacked, or not at all.
 */
export const putArchive: Handler = (api, call) => {
  const owned = findOwned(api, call.name)
  if (runsForeignUnpacker(owned.member.view.serverVersion)) return putUnpacked(api, call, owned)
  return forward(api, call, owned.member, { enginePath: `/containers/${owned.container.id}/archive` })
}

async function putUnpacked(api: Api, call: Call, { member, container }: OwnedContainer): Promise<void> {
  const { exchange } = call
  noteNodes(api, call, [member])
  const [given] = fanOutBody(exchange, 1)
  if (given === undefined) return
  const problems: string[] = []
  const body = await unpack(given, (problem) => problems.push(problem))
  const query = call.query === '' ? '' : `?${call.query}`
  try {
    const reply = await member.engine.request(
      {
        method: 'PUT',
        path: `${member.versionFor(call.version)}/containers/${container.id}/archive${query}`,
        unversioned: true,
        stream: true,
        headers: { 'content-type': headerOf(exchange.head, 'content-type') ?? 'application/x-tar' },
        body,
      },
      { signal: exchange.signal },
    )
    const answer = await reply.bytes()
    exchange.reply(reply.status, ['Api-Version', api.cluster.apiVersion], [answer])
  } catch (error) {
    const [problem] = problems
    if (problem === undefined) throw error
    throw new FlotillaError('cluster/invalid-option', `the archive cannot be unpacked: ${problem}`, {
      status: 400,
      cause: error,
    })
  }
}

/**
 * The plain archive, as a stream. What engines unpack without another program's help passes as it is.
 *
 * @throws {cluster/invalid-option} status 400 for xz
 */
async function unpack(given: PassThrough, onProblem: (problem: string) => void): Promise<Readable> {
  const kind = detectCompression(await peek(given))
  if (kind === 'xz') {
    given.destroy()
    throw new FlotillaError(
      'cluster/invalid-option',
      'archives packed with xz are not passed on: the engine would unpack them with a program out of the container; send a plain archive or one packed with gzip',
      { status: 400 },
    )
  }
  if (kind !== 'gzip') return given
  const { createGunzip } = await import('node:zlib')
  const plain = createGunzip()
  plain.on('error', (error) => {
    onProblem(toMessage(error))
    given.destroy()
  })
  given.on('error', (error) => plain.destroy(error))
  return given.pipe(plain)
}

/** The first bytes of a stream, which stay in it. */
async function peek(stream: PassThrough): Promise<Uint8Array> {
  for (;;) {
    const start = stream.read(signatureLength) as Buffer | null
    if (start !== null) {
      stream.unshift(start)
      return start
    }
    if (stream.readableEnded || stream.destroyed) return new Uint8Array()
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        for (const event of ['readable', 'end', 'close']) stream.off(event, wake)
        resolve()
      }
      for (const event of ['readable', 'end', 'close']) stream.on(event, wake)
    })
  }
}
