import { request } from 'node:http'
import { text } from 'node:stream/consumers'

/** Loads an archive of `docker save` through an engine's unix socket. */
export async function loadImage(socketPath: string, archive: Uint8Array): Promise<void> {
  const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
    const call = request(
      {
        socketPath,
        method: 'POST',
        path: '/images/load?quiet=1',
        headers: { 'content-type': 'application/x-tar', 'content-length': archive.length },
        timeout: 120_000,
      },
      (reply) => {
        text(reply).then((body) => resolve({ status: reply.statusCode ?? 0, body }), reject)
      },
    )
    call.once('error', reject)
    call.once('timeout', () => call.destroy(new Error('the engine did not answer to images/load within 120 s')))
    call.end(archive)
  })
  if (answer.status !== 200 || answer.body.includes('"error"')) {
    throw new Error(`cannot load the image: ${answer.status} ${answer.body.trim()}`)
  }
}
