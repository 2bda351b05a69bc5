import { Buffer } from 'node:buffer'
import { FlotillaError } from '../../core/errors.ts'

/** ZooKeeper's wire format (zookeeper-jute/src/main/resources/zookeeper.jute): big-endian numbers, counted bytes. */
export class JuteWriter {
  readonly #parts: Buffer[] = []

  int(value: number): this {
    const bytes = Buffer.allocUnsafe(4)
    bytes.writeInt32BE(value)
    this.#parts.push(bytes)
    return this
  }

  long(value: bigint): this {
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeBigInt64BE(value)
    this.#parts.push(bytes)
    return this
  }

  flag(value: boolean): this {
    this.#parts.push(Buffer.from([value ? 1 : 0]))
    return this
  }

  bytes(value: Buffer): this {
    this.int(value.length)
    this.#parts.push(value)
    return this
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value))
  }

  raw(value: Buffer): this {
    this.#parts.push(value)
    return this
  }

  toBuffer(): Buffer {
    return Buffer.concat(this.#parts)
  }
}

/** Reads what `JuteWriter` writes. @throws {io/protocol} when there is less than the format says */
export class JuteReader {
  readonly #data: Buffer
  #at = 0

  constructor(data: Buffer) {
    this.#data = data
  }

  get left(): number {
    return this.#data.length - this.#at
  }

  int(): number {
    return this.#data.readInt32BE(this.#step(4))
  }

  long(): bigint {
    return this.#data.readBigInt64BE(this.#step(8))
  }

  flag(): boolean {
    return this.#data.readUInt8(this.#step(1)) !== 0
  }

  bytes(): Buffer {
    const length = this.int()
    if (length < 0) return Buffer.alloc(0)
    const from = this.#step(length)
    return this.#data.subarray(from, from + length)
  }

  text(): string {
    return this.bytes().toString('utf8')
  }

  texts(): readonly string[] {
    const count = this.int()
    // Each has at least its length.
    if (count > this.left / 4) throw new FlotillaError('io/protocol', 'a list of ZooKeeper is longer than its packet')
    return Array.from({ length: Math.max(0, count) }, () => this.text())
  }

  #step(length: number): number {
    const from = this.#at
    if (length > this.left) throw new FlotillaError('io/protocol', 'a packet of ZooKeeper ends too early')
    this.#at += length
    return from
  }
}

/** What a node is besides its data. */
export interface ZnodeStat {
  /** Number of the transaction that created it: grows over the whole life of the store. */
  readonly createdBy: bigint
  readonly version: number
  /** Session that it dies with; 0 for one that stays. */
  readonly owner: bigint
}

export function readStat(reader: JuteReader): ZnodeStat {
  const createdBy = reader.long()
  reader.long()
  reader.long()
  reader.long()
  const version = reader.int()
  reader.int()
  reader.int()
  const owner = reader.long()
  reader.int()
  reader.int()
  reader.long()
  return { createdBy, version, owner }
}

/** Request types (ZooDefs.OpCode). */
export const opcode = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  sync: 9,
  ping: 11,
  getChildren: 8,
  check: 13,
  multi: 14,
  auth: 100,
  close: -11,
} as const

/** Numbers of requests that are no ordinary ones. */
export const specialId = { event: -1, ping: -2, auth: -4 } as const

/** Error codes that callers decide about (KeeperException.Code). */
export const zkCode = {
  connectionLoss: -4,
  noNode: -101,
  badVersion: -103,
  nodeExists: -110,
  notEmpty: -111,
  sessionExpired: -112,
  authFailed: -115,
} as const

const codeNames: Readonly<Record<number, string>> = {
  [-1]: 'system error',
  [-2]: 'runtime inconsistency',
  [-5]: 'marshalling error',
  [-6]: 'unimplemented',
  [-7]: 'operation timeout',
  [-8]: 'bad arguments',
  [-101]: 'no node',
  [-102]: 'no auth',
  [-103]: 'bad version',
  [-108]: 'no children for ephemerals',
  [-110]: 'node exists',
  [-111]: 'not empty',
  [-112]: 'session expired',
  [-114]: 'invalid ACL',
  [-115]: 'auth failed',
  [-118]: 'session moved',
  [-119]: 'not read only',
}

export function describeCode(code: number): string {
  return codeNames[code] ?? `error ${String(code)}`
}

/** How a node is created. Everybody may do everything with it, as with nodes that classic Swarm made. */
export interface NewZnode {
  readonly path: string
  readonly data: string
  readonly isEphemeral?: boolean
  readonly isSequential?: boolean
}

const allPermissions = 31

export function writeCreate(node: NewZnode): Buffer {
  const flags = (node.isEphemeral === true ? 1 : 0) + (node.isSequential === true ? 2 : 0)
  const writer = new JuteWriter().text(node.path).text(node.data)
  return writer.int(1).int(allPermissions).text('world').text('anyone').int(flags).toBuffer()
}

export function writeDelete(path: string, version = -1): Buffer {
  return new JuteWriter().text(path).int(version).toBuffer()
}

export function writeSetData(path: string, data: string, version = -1): Buffer {
  return new JuteWriter().text(path).text(data).int(version).toBuffer()
}

export function writeRead(path: string, isWatched: boolean): Buffer {
  return new JuteWriter().text(path).flag(isWatched).toBuffer()
}

/** One part of a transaction. */
export interface MultiPart {
  readonly type: number
  readonly body: Buffer
}

export function writeMulti(parts: readonly MultiPart[]): Buffer {
  const writer = new JuteWriter()
  for (const { type, body } of parts) writer.int(type).flag(false).int(-1).raw(body)
  return writer.int(-1).flag(true).int(-1).toBuffer()
}
