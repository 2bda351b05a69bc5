import { Buffer } from 'node:buffer'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { followLinks, walkFolder } from '../../io/folder-walk.ts'
import type { WalkOptions, WalkedFile } from '../../io/folder-walk.ts'
import { readPieces } from '../../io/read-pieces.ts'
import { GRPC, GrpcError } from '../../io/h2/grpc.ts'
import type { GrpcCall } from '../../io/h2/grpc.ts'
import {
  PACKET,
  parsePacket,
  renderDataPacket,
  renderEndPacket,
  renderErrorPacket,
  renderLastStat,
  renderStatPacket,
} from './file-packet.ts'
import type { FileStat } from './file-packet.ts'

/** Files that a build may ask for under one name. */
export type SharedFolder =
  | { readonly kind: 'folder'; readonly path: string }
  /** Files that exist nowhere: name → text. */
  | { readonly kind: 'texts'; readonly files: Readonly<Record<string, string>> }

const chunkBytes = 64 * 1024
const regularMode = 0o644

/**
 * Serves `moby.filesync.v1.FileSync/DiffCopy`: tells what files there are, and sends those the builder does not have
 * from the build before. Memory does not grow with the size of files.
 */
export async function serveFiles(call: GrpcCall, folders: ReadonlyMap<string, SharedFolder>): Promise<void> {
  const name = readValues(call, 'dir-name')[0] ?? ''
  const folder = folders.get(name)
  if (folder === undefined) throw new GrpcError(GRPC.notFound, `no access allowed to dir ${JSON.stringify(name)}`)
  try {
    await new FileSender(call, folder).run()
  } catch (error) {
    if (error instanceof GrpcError) throw error
    // The builder shows what comes in such a packet as its own failure.
    await call.send(renderErrorPacket(toMessage(error))).catch(() => {})
    throw new GrpcError(GRPC.unknown, toMessage(error))
  }
}

/** A further name of a file is a link without content (tonistiigi/fsutil stat_unix.go). */
function toStat(file: WalkedFile): FileStat {
  return file.sameAs === undefined ? file : { ...file, sizeBytes: 0, link: file.sameAs }
}

/** Values of one key; a key with a note beside it holds escaped text (buildkit session/filesync). */
function readValues(call: GrpcCall, key: string): readonly string[] {
  const values = call.metadata.get(key) ?? []
  return call.metadata.get(`${key}-encoded`)?.[0] === '1'
    ? values.map((value) => decodeURIComponent(value.replaceAll('+', ' ')))
    : values
}

class FileSender {
  readonly #call: GrpcCall
  readonly #folder: SharedFolder
  /** What files are read from, by the number the builder knows them by; undefined: they have no content. */
  readonly #sources = new Map<number, string | undefined>()
  readonly #wanted: number[] = []
  /** One for all: files go one after another, and a packet has a copy. With one for each, many small files keep the collector busy. */
  readonly #buffer = Buffer.allocUnsafe(chunkBytes)
  #hasAll = false
  #wake: () => void = () => {}

  constructor(call: GrpcCall, folder: SharedFolder) {
    this.#call = call
    this.#folder = folder
  }

  async run(): Promise<void> {
    const failures: unknown[] = []
    const receiving = this.#receive().catch((error: unknown) => {
      failures.push(error)
      this.#finish()
    })
    const sending = this.#sendWanted().catch((error: unknown) => {
      failures.push(error)
      this.#finish()
    })
    await this.#announce()
    await sending
    if (failures.length === 0) await this.#call.send(renderEndPacket())
    else throw failures[0]
    await receiving
  }

  async #receive(): Promise<void> {
    for await (const message of this.#call.messages()) {
      const packet = parsePacket(message)
      if (packet.type === PACKET.request) {
        this.#wanted.push(packet.id)
        this.#wake()
      } else if (packet.type === PACKET.end) {
        // The builder leaves its side open until we have answered.
        break
      } else if (packet.type === PACKET.error) {
        throw new FlotillaError('engine/protocol', `the builder gave up the transfer: ${packet.text}`)
      }
    }
    this.#finish()
  }

  #finish(): void {
    this.#hasAll = true
    this.#wake()
  }

  async #announce(): Promise<void> {
    let id = 0
    if (this.#folder.kind === 'texts') {
      for (const [path, text] of Object.entries(this.#folder.files)) {
        // Always newer than what was sent before: the builder compares times and lengths, not the texts.
        const stat = {
          path,
          mode: regularMode,
          sizeBytes: Buffer.byteLength(text),
          modifiedNs: BigInt(Date.now()) * 1_000_000n,
        }
        this.#sources.set(id, path)
        await this.#call.send(renderStatPacket(stat))
        id += 1
      }
    } else {
      for (const file of walkFolder(this.#folder.path, this.#selection(this.#folder.path))) {
        if (this.#hasAll) return
        if (file.kind === 'file' && file.sameAs === undefined) this.#sources.set(id, file.path)
        // For the builder it is an empty file, as with buildx: it says nothing of sockets.
        if (file.kind === 'socket') this.#sources.set(id, undefined)
        await this.#call.send(renderStatPacket(toStat(file)))
        id += 1
      }
    }
    await this.#call.send(renderLastStat())
  }

  #selection(root: string): WalkOptions {
    const include = readValues(this.#call, 'include-patterns')
    const followed = readValues(this.#call, 'followpaths')
    const links = followed.length === 0 ? [] : followLinks(root, followed)
    return {
      exclude: readValues(this.#call, 'exclude-patterns'),
      // Paths that lead to the top mean everything.
      include: links === undefined ? [] : [...include, ...links],
    }
  }

  async #sendWanted(): Promise<void> {
    for (;;) {
      const id = this.#wanted.shift()
      if (id !== undefined) {
        await this.#sendFile(id)
      } else if (this.#hasAll) {
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }

  async #sendFile(id: number): Promise<void> {
    if (!this.#sources.has(id))
      throw new FlotillaError('engine/protocol', `the builder asked for a file ${id} there is not`)
    const path = this.#sources.get(id)
    this.#sources.delete(id)
    if (path === undefined) {
      // Nothing but its end.
    } else if (this.#folder.kind === 'texts') {
      await this.#call.send(renderDataPacket(id, Buffer.from(this.#folder.files[path] ?? '')))
    } else {
      for await (const piece of readPieces(`${this.#folder.path}/${path}`, { buffer: this.#buffer }))
        await this.#call.send(renderDataPacket(id, piece))
    }
    await this.#call.send(renderDataPacket(id))
  }
}
