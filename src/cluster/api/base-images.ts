import { createGunzip } from 'node:zlib'
import type { Gunzip } from 'node:zlib'
import { Buffer } from 'node:buffer'
import * as posix from 'node:path/posix'
import { Transform } from 'node:stream'
import { callbackify } from 'node:util'
import { toMessage } from '../../core/errors.ts'
import { makeTarSieve } from '../image-transfer/tar-sieve.ts'
import type { TarSieve } from '../image-transfer/tar-sieve.ts'
import type { Member } from '../member.ts'
import type { Api } from './call.ts'
import { settleImages } from './handlers/image-holders.ts'
import { areSame } from './latest-names.ts'

/** So much of the end of a context is held back: more than the blocks of zeros that end an archive. */
const heldBytes = 16 * 1024
/** More than this is not unpacked to look for a Dockerfile. */
const maxUnpackedBytes = 4 * 1024 ** 3

/**
 * Brings images that a build names to the node that does it, where only others have them, or where their names mean
 * another image by now. What no node has is left to the builder.
 *
 * @returns a sentence for each that could not be brought; the builder asks its registry then
 */
export async function bringBases(
  api: Api,
  member: Member,
  references: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { images, cluster, latest } = api
  if (images === undefined || references.length === 0) return []
  if (latest.reading !== undefined || api.builds.openAddrs().length > 0) await settleImages(api)
  else await cluster.settled()
  const problems: string[] = []
  for (const reference of references) {
    const holders = cluster.directory.imageHolders(reference)
    const own = holders.find(({ node }) => node.addr === member.addr)
    const given = latest.find(reference, holders)
    if (own !== undefined && (given === undefined || areSame(own, given))) continue
    const brought = await images.bring({
      target: member,
      reference,
      platform: undefined,
      ...(given !== undefined && { latest: { id: given.item.id, isOnly: own !== undefined } }),
      signal,
    })
    if (brought.kind !== 'failed') continue
    problems.push(`image ${reference} could not be copied to node ${member.name}: ${toMessage(brought.error)}`)
  }
  return problems
}

/**
 * Passes the context of a classic build on as it comes, gzip or plain, and looks into its Dockerfile on the way. Engines
 * begin when they have all of it: the end goes on when `onFound` is done.
 *
 * @param path where the Dockerfile is in the context
 * @param onFound called once with its text; not at all where there is none, or one of more than a mebibyte
 */
export function watchContext(path: string, onFound: (text: string) => Promise<void>): Transform {
  const name = posix.join('/', path).slice(1)
  let work: Promise<void> | undefined
  let look: Look | undefined
  let held: Buffer[] = []
  let length = 0
  const sieve = makeTarSieve({
    judge: (entry) => (entry.isFile && entry.name === name && work === undefined ? 'read' : 'pass'),
    onRead(_, content) {
      work ??= onFound(content.toString())
      // Told at the end.
      work.catch(() => undefined)
    },
  })
  const sendRest = callbackify(async (out: Transform) => {
    await look?.end()
    await work
    out.push(Buffer.concat(held))
    held = []
  })
  return new Transform({
    transform(chunk: Buffer, _, done) {
      look ??= chunk[0] === 0x1f && chunk[1] === 0x8b ? lookThroughGzip(sieve) : lookPlainly(sieve)
      held.push(chunk)
      length += chunk.length
      while (held.length > 0 && length - (held[0]?.length ?? 0) >= heldBytes) {
        const first = held.shift()
        length -= first?.length ?? 0
        this.push(first)
      }
      if (work === undefined) look.take(chunk, () => done())
      else done()
    },
    flush(done) {
      sendRest(this, done)
    },
    destroy(error, done) {
      look?.stop()
      done(error)
    },
  })
}

interface Look {
  take(chunk: Buffer, done: () => void): void
  stop(): void
  end(): Promise<void>
}

/** What is no archive is for the engine to refuse. */
function lookPlainly(sieve: TarSieve): Look {
  let isOver = false
  return {
    take(chunk, done) {
      try {
        if (!isOver) sieve.push(chunk)
      } catch {
        isOver = true
      }
      done()
    },
    stop: () => undefined,
    end: () => Promise.resolve(),
  }
}

function lookThroughGzip(sieve: TarSieve): Look {
  const plain = lookPlainly(sieve)
  const gunzip: Gunzip = createGunzip()
  let isOver = false
  let settle: () => void = () => undefined
  const over = new Promise<void>((resolve) => {
    const end = (): void => {
      isOver = true
      resolve()
      // The callback of a piece that broke it is not called.
      settle()
    }
    gunzip.on('error', end)
    gunzip.on('end', end)
    gunzip.on('close', end)
  })
  let unpacked = 0
  gunzip.on('data', (chunk: Buffer) => {
    unpacked += chunk.length
    plain.take(chunk, () => undefined)
    if (unpacked > maxUnpackedBytes) gunzip.destroy()
  })
  return {
    stop: () => void gunzip.destroy(),
    /** Not done before the piece is through: what is unpacked does not pile up here. */
    take(chunk, done) {
      let isDone = false
      settle = () => {
        if (isDone) return
        isDone = true
        done()
      }
      if (isOver) settle()
      else gunzip.write(chunk, settle)
    },
    end() {
      if (!isOver) gunzip.end()
      return over
    },
  }
}
