import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { mkdir, open, readFile, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import { fileReason } from '../../core/file-reason.ts'
import { systemClock } from '../../io/clock.ts'
import { codeOf, makeFolder, makeNonce, sweepOlder } from '../../io/files.ts'
import { withLock } from '../../io/lock.ts'
import { digestPattern } from '../registry/reference.ts'

/** What an index says of one of its manifests. */
export interface LayoutDescriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
}

/** A blob that is there whole. */
export interface BlobFacts {
  readonly bytes: number
  readonly modifiedMs: number
}

const maxTries = 10
const lockMs = 30_000
/** Nobody leaves a draft alone for so long and comes back. */
const abandonedMs = 24 * 3_600_000
const nameKey = 'org.opencontainers.image.ref.name'
const indexType = 'application/vnd.oci.image.index.v1+json'

/**
 * A folder of images or build caches: blobs by digest and `index.json` with their names (OCI image-spec, image-layout).
 * What is written is whole or not there; several builds, and other programs, may use one folder at the same time.
 */
export class OciLayout {
  readonly folder: string
  readonly isWritable: boolean

  constructor(folder: string, isWritable = false) {
    this.folder = folder
    this.isWritable = isWritable
  }

  /** @returns undefined: no such blob */
  async facts(digest: string): Promise<BlobFacts | undefined> {
    const place = this.#place(digest)
    try {
      const found = await stat(place)
      return found.isFile() ? { bytes: found.size, modifiedMs: Math.floor(found.mtimeMs) } : undefined
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
      throw this.#failure(error)
    }
  }

  async openBlob(digest: string): Promise<FileHandle> {
    return open(this.#place(digest), 'r')
  }

  /** Digests of all blobs. */
  async digests(): Promise<readonly string[]> {
    const names = await readdir(join(this.folder, 'blobs', 'sha256')).catch(() => [])
    return names.map((name) => `sha256:${name}`).filter((digest) => digestPattern.test(digest))
  }

  /**
   * What a name stands for.
   *
   * @param tag absent: `latest`, or the only one there is
   * @returns undefined when the index has no such name
   * @throws {io/file} when the folder or its index cannot be read, {compose/invalid} when it is no index
   */
  async find(tag?: string): Promise<LayoutDescriptor | undefined> {
    const manifests = await this.#readIndex()
    const named = manifests.findLast((entry) => entry.annotations?.[nameKey] === (tag ?? 'latest'))
    return named ?? (tag === undefined && manifests.length === 1 ? manifests[0] : undefined)
  }

  /** Gives a name to a manifest, which loses those it had, as does the manifest that had the name. */
  async name(tag: string, descriptor: LayoutDescriptor): Promise<void> {
    await makeFolder(this.folder, 0o777)
    let isLocked = false
    const lock = { clock: systemClock, waitMs: lockMs, subject: `the folder ${this.folder}` }
    try {
      // Who reads the index and writes it must not undo what somebody else writes in between.
      await withLock(join(this.folder, '.index.lock'), lock, async () => {
        isLocked = true
        await this.#addName(tag, descriptor)
      })
    } catch (error) {
      // Not every file system can lock: there the last one wins.
      if (isLocked || !isFlotillaError(error) || error.code !== 'io/file') throw error
      await this.#addName(tag, descriptor)
    }
  }

  async #addName(tag: string, descriptor: LayoutDescriptor): Promise<void> {
    const hasIndex = await stat(join(this.folder, 'index.json')).then(
      () => true,
      () => false,
    )
    const known = hasIndex ? await this.#readIndex() : []
    const kept = known.filter((entry) => entry.digest !== descriptor.digest && entry.annotations?.[nameKey] !== tag)
    const { mediaType, digest, size, annotations } = descriptor
    const named = { mediaType, digest, size, annotations: { ...annotations, [nameKey]: tag } }
    const index = { schemaVersion: 2, mediaType: indexType, manifests: [...kept, named] }
    await this.#replace('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' }))
    await this.#replace('index.json', JSON.stringify(index))
  }

  /** Begins a blob; nothing is to be seen of it before it is committed. */
  async begin(): Promise<BlobDraft> {
    const folder = join(this.folder, 'ingest')
    const path = join(folder, makeNonce())
    for (let count = 1; ; count += 1) {
      try {
        await mkdir(folder, { recursive: true })
        const file = await open(path, 'wx', 0o644)
        await sweepOlder(folder, () => true, path, abandonedMs)
        return new BlobDraft(
          file,
          path,
          (digest) => this.#place(digest),
          (error) => this.#failure(error),
        )
      } catch (error) {
        // Another writer may just have tidied up.
        if (codeOf(error) !== 'ENOENT' || count === maxTries) throw this.#failure(error)
      }
    }
  }

  /** Takes away the folder of drafts, if nobody is at work there. */
  async tidy(): Promise<void> {
    await rmdir(join(this.folder, 'ingest')).catch(() => {})
  }

  /** Digests come from the builder and from files: nothing but one leads to a path. */
  #place(digest: string): string {
    if (!digestPattern.test(digest)) {
      throw new FlotillaError('io/protocol', `${JSON.stringify(digest)} is no digest of SHA-256`)
    }
    return join(this.folder, 'blobs', 'sha256', digest.slice('sha256:'.length))
  }

  async #readIndex(): Promise<readonly LayoutDescriptor[]> {
    const path = join(this.folder, 'index.json')
    let text: string
    try {
      text = await readFile(path, 'utf8')
    } catch (error) {
      throw this.#failure(error)
    }
    const manifests = parseManifests(text)
    if (manifests === undefined) throw new FlotillaError('compose/invalid', `${path} is no index of an OCI layout`)
    return manifests
  }

  async #replace(name: string, text: string): Promise<void> {
    const draft = join(this.folder, `.${name}.${makeNonce()}`)
    try {
      await mkdir(this.folder, { recursive: true })
      await writeFile(draft, text)
      await rename(draft, join(this.folder, name))
    } catch (error) {
      await rm(draft, { force: true })
      throw this.#failure(error)
    }
  }

  #failure(error: unknown): FlotillaError {
    return new FlotillaError('io/file', `cannot use the folder ${this.folder}: ${fileReason(error)}`, { cause: error })
  }
}

/** A blob that is being written. */
export class BlobDraft {
  readonly #file: FileHandle
  readonly #path: string
  readonly #place: (digest: string) => string
  readonly #failure: (error: unknown) => FlotillaError
  #hash: Hash = createHash('sha256')
  #bytes = 0

  constructor(
    file: FileHandle,
    path: string,
    place: (digest: string) => string,
    failure: (error: unknown) => FlotillaError,
  ) {
    this.#file = file
    this.#path = path
    this.#place = place
    this.#failure = failure
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Of what has been written so far. */
  get digest(): string {
    return `sha256:${this.#hash.copy().digest('hex')}`
  }

  /** @throws {io/file} naming the folder */
  async write(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length;) {
      const { bytesWritten } = await this.#file
        .write(data, at, data.length - at, this.#bytes + at)
        .catch((error: unknown) => Promise.reject(this.#failure(error)))
      at += bytesWritten
    }
    this.#hash.update(data)
    this.#bytes += data.length
  }

  /** Forgets what has been written. */
  async restart(): Promise<void> {
    await this.#file.truncate(0)
    this.#hash = createHash('sha256')
    this.#bytes = 0
  }

  /** @throws {io/file} naming the folder */
  async commit(): Promise<string> {
    const { digest } = this
    const place = this.#place(digest)
    try {
      await this.#file.sync()
      await this.#file.close()
      await mkdir(join(place, '..'), { recursive: true })
      await rename(this.#path, place)
    } catch (error) {
      throw this.#failure(error)
    }
    return digest
  }

  /** Idempotent, and without effect after a commit. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {})
    await rm(this.#path, { force: true })
  }
}

function parseManifests(text: string): readonly LayoutDescriptor[] | undefined {
  let index: unknown
  try {
    index = JSON.parse(text)
  } catch {
    return undefined
  }
  const manifests: unknown = typeof index === 'object' && index !== null ? Reflect.get(index, 'manifests') : undefined
  return Array.isArray(manifests) && manifests.every(isDescriptor) ? manifests : undefined
}

function isDescriptor(value: unknown): value is LayoutDescriptor {
  if (typeof value !== 'object' || value === null) return false
  const { digest, size, mediaType } = value as Partial<Record<keyof LayoutDescriptor, unknown>>
  return (
    typeof digest === 'string' &&
    digestPattern.test(digest) &&
    Number.isSafeInteger(size) &&
    typeof mediaType === 'string'
  )
}
