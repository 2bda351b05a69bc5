import { Buffer } from 'node:buffer'
import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import { ZookeeperError } from './zookeeper-connection.ts'
import type { ZookeeperSession } from './zookeeper-session.ts'
import {
  JuteWriter,
  opcode,
  readStat,
  writeCreate,
  writeDelete,
  writeMulti,
  writeRead,
  writeSetData,
  zkCode,
} from './zookeeper-wire.ts'
import type { JuteReader, MultiPart, NewZnode, ZnodeStat } from './zookeeper-wire.ts'

export interface Znode {
  readonly data: string
  readonly stat: ZnodeStat
}

/** ZooKeeper's operations on paths; a node that is not there is undefined or false where that is an answer. */
export class ZookeeperTree {
  readonly session: ZookeeperSession

  constructor(session: ZookeeperSession) {
    this.session = session
  }

  /** @param isWatched the session's watchers of the path hear of the next change */
  async read(path: string, isWatched: boolean, o?: CallOptions): Promise<Znode | undefined> {
    const reader = await orAbsent(this.session.call(opcode.getData, path, writeRead(path, isWatched), o))
    if (reader === undefined) return undefined
    const data = reader.bytes().toString('utf8')
    return { data, stat: readStat(reader) }
  }

  async stat(path: string, isWatched: boolean, o?: CallOptions): Promise<ZnodeStat | undefined> {
    const reader = await orAbsent(this.session.call(opcode.exists, path, writeRead(path, isWatched), o))
    return reader === undefined ? undefined : readStat(reader)
  }

  async children(path: string, isWatched: boolean, o?: CallOptions): Promise<readonly string[] | undefined> {
    const reader = await orAbsent(this.session.call(opcode.getChildren, path, writeRead(path, isWatched), o))
    return reader?.texts()
  }

  /** Makes what is missing above the node first. @returns its path, undefined when it is there already */
  async create(node: NewZnode, o?: CallOptions): Promise<string | undefined> {
    for (let tries = 0; ; tries += 1) {
      try {
        return (await this.session.call(opcode.create, node.path, writeCreate(node), o)).text()
      } catch (error) {
        if (hasCode(error, zkCode.nodeExists)) return undefined
        const parent = node.path.slice(0, node.path.lastIndexOf('/'))
        if (!hasCode(error, zkCode.noNode) || tries > 0 || parent === '') throw error
        await this.create({ path: parent, data: '' }, o)
      }
    }
  }

  /** @returns undefined when it is not there or has another version */
  async write(path: string, data: string, version: number, o?: CallOptions): Promise<ZnodeStat | undefined> {
    const reader = await orAbsent(this.session.call(opcode.setData, path, writeSetData(path, data, version), o))
    return reader === undefined ? undefined : readStat(reader)
  }

  /** @returns false when it is not there or has another version */
  async delete(path: string, version = -1, o?: CallOptions): Promise<boolean> {
    return (await orAbsent(this.session.call(opcode.delete, path, writeDelete(path, version), o))) !== undefined
  }

  /** All parts or none. @returns the code of the first part that was refused, 0 when all were done */
  async multi(parts: readonly MultiPart[], path: string, o?: CallOptions): Promise<number> {
    const reader = await this.session.call(opcode.multi, path, writeMulti(parts), o)
    for (const part of parts) {
      const type = reader.int()
      reader.flag()
      reader.int()
      if (type === -1) {
        const code = reader.int()
        // Parts before and behind the refused one say "runtime inconsistency" or nothing.
        if (code !== 0 && code !== -2) return code
      } else if (part.type === opcode.create) reader.bytes()
      else if (part.type === opcode.setData) readStat(reader)
    }
    return 0
  }

  /** Has the server catch up with its ensemble, so that the next reading is not an old one. */
  async sync(path: string, o?: CallOptions): Promise<void> {
    await this.session.call(opcode.sync, path, new JuteWriter().text(path).toBuffer(), o)
  }
}

export function hasCode(error: unknown, code: number): boolean {
  return error instanceof ZookeeperError && error.zkCode === code
}

async function orAbsent(answer: Promise<JuteReader>): Promise<JuteReader | undefined> {
  try {
    return await answer
  } catch (error) {
    if (hasCode(error, zkCode.noNode) || hasCode(error, zkCode.badVersion)) return undefined
    throw error
  }
}

/** @throws {io/protocol} for a key that is no path of ZooKeeper's */
export function toZnodePath(key: string): string {
  const isBad = key.split('/').some((part) => part === '' || part === '.' || part === '..')
  if (isBad || key.includes('\0') || Buffer.byteLength(key) > 4096) {
    throw new FlotillaError('io/protocol', `zookeeper cannot have a key ${JSON.stringify(key.slice(0, 200))}`)
  }
  return `/${key}`
}
